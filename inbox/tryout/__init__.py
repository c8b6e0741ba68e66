"""The try-out console: people of the business write as a client and see what would come of it; nothing real happens."""

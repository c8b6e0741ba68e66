"""What the assistant does in answer, one module a topic; `assistant.dialogue` chooses which."""

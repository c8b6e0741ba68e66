// «Печать» on the sheet of the matrix.
document.querySelector("[data-print]").addEventListener("click", () => print());

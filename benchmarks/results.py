"RESULTS.md, written section by section by the benchmarks."
import re
from pathlib import Path


def write_section(title, body, path=Path(__file__).with_name("RESULTS.md")):
    "Replace the section `title` of RESULTS.md, or append it."
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    section = f"## {title}\n\n{body.strip()}\n\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, re.M | re.S)
    path.write_text(text[:found.start()] + section + text[found.end():] if found else f"{text.rstrip()}\n\n{section}", encoding="utf-8")

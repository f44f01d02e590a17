"""What the documentation is made with: the reference pages out of the code, the JSON Schema, the pictures.

What belongs here: reading what the code says of itself, and Markdown out. What must not: words that describe one key, column, command
or issue; those stand where the thing itself does (`settings`, `tables`, `cli`, `rules.instructions`).
"""

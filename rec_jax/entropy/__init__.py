"""Floor 1: integer symbols under static integer tables, and the one stream they end up in."""

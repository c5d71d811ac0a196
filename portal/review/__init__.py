"""Review: what an organisation's people think of sealed answers, mark by mark, until it is written into a rating."""

"""The technical report: facts from the artifacts, sentences from one file a language, the same blocks as PDF and HTML."""

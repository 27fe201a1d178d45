"""Benchmarks side by side with what people use today. One module a benchmark; see cli.py."""

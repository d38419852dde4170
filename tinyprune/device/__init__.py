"""Boards, emulators, flashers, serial lines, and the cycle model of their cores."""

"""Faults in sessions of a small gate: signals, damaged entries, full disks, sessions side by side.

Each trial provokes one fault, in real processes and real files. Then a clean session must give the
same results as a session that saw no fault.
"""

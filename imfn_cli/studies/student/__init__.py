"""The student against its tree: what is lost (`fidelity`), how long a frame takes (`latency`), and what one
memory of an endless sequence holds (`age`).
"""

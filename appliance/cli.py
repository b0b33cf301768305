def run_command(argv: list[str]) -> int:
    return 0

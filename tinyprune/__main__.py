"""`python -m tinyprune`, and the entry point of `tinyprune`: Ctrl-C while the command line is imported is no fault."""

import sys


def main() -> None:
    try:
        from tinyprune import cli
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted; nothing was half-written, run the same command again\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()

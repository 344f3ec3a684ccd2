"""Run `python -m seeds`. It imports late, because each process of the pool imports this module again."""

if __name__ == "__main__":
    from seeds.commands import main
    from stages.base.process import run

    run(main)

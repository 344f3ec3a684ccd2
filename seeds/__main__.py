"""Run `python -m seeds`. What it needs is imported late: each process of the pool imports this module again."""

if __name__ == "__main__":
    from seeds.commands import main
    from stages.base.process import run

    run(main)

"""Programs that take turns: the wall time, CPU and memory of each, and the table of them."""
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Figures:
    def __init__(self):
        self.taken = {}   # program → [(seconds, seconds of CPU, MB)]

    def run(self, program, command, environment=None):
        """What it printed. Ends this process where it fails."""
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**os.environ, **(environment or {})})
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        figure = (time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        if process.returncode != 0:
            sys.exit(f"{program} failed: {out[-2000:]}")
        self.taken.setdefault(program, []).append(figure)
        print(f"  {program}: {figure[0]:.2f} s, CPU {figure[1]:.2f} s, {figure[2]:.0f} MB", file=sys.stderr, flush=True)
        return out

    def table(self, base, of_base):
        """Medians, each wall time held against that of the program `base`."""
        lines = [f"| program | wall (least to most) | CPU | peak memory | {of_base} |", "|---|---:|---:|---:|---:|"]
        measure = statistics.median(wall for wall, _, _ in self.taken[base])
        for program, figures in self.taken.items():
            walls, cpus, memory = zip(*figures)
            wall = statistics.median(walls)
            lines.append(f"| {program} | {wall:.2f} s ({min(walls):.2f} to {max(walls):.2f}) | {statistics.median(cpus):.2f} s | "
                         f"{max(memory):.0f} MB | {wall / measure:.2f} × |")
        return "\n".join(lines) + "\n"


def report(text, saved):
    print(text)
    if not saved:
        return
    with open(f"{HERE}/results/{time.strftime('%Y-%m-%d')}.md", "a", encoding="utf-8") as out:
        out.write(f"\n{text}")

# Part of Lockstep. See LICENSE.
"""The work of `DriverClient` done by the official Python driver: reads or writes rows, prints what it took as JSON.

    peer.py read URL USER PASSWORD ROWS
    peer.py write URL USER PASSWORD ROWS BATCH LABEL
"""

import json
import resource
import sys
import time

import neo4j
from neo4j._codec.packstream import v1

READ = "UNWIND range(1, $n) AS i RETURN i, 'name ' + toString(i), i * 0.5, i % 2 = 0"
WRITE = (
    "UNWIND $rows AS row "
    "CREATE (n:`{}` {{id: row.id, name: row.name, half: row.half, even: row.even}})"
)


class Clock:
    """Adds up the time of what runs inside of it: elapsed, and of the processor, user and system."""

    def __init__(self):
        self.seconds = 0.0
        self.cpu = 0.0

    @staticmethod
    def processor():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def __enter__(self):
        self.began = time.monotonic(), self.processor()

    def __exit__(self, *error):
        self.seconds += time.monotonic() - self.began[0]
        self.cpu += self.processor() - self.began[1]


def read(driver, clock, rows):
    numbers = letters = evens = count = 0
    halves = 0.0
    with clock, driver.session() as session:
        for number, name, half, is_even in session.run(READ, n=rows):
            count += 1
            numbers += number
            letters += len(name)
            halves += half
            evens += is_even
    return count, numbers + letters + int(halves * 2) + evens


def write(driver, clock, rows, batch, label):
    query = WRITE.format(label)
    created = 0
    with driver.session() as session:
        for start in range(1, rows + 1, batch):
            values = [
                {"id": i, "name": f"name {i}", "half": i * 0.5, "even": i % 2 == 0}
                for i in range(start, min(start + batch, rows + 1))
            ]
            with clock:
                summary = session.execute_write(lambda tx: tx.run(query, rows=values).consume())
            created += summary.counters.nodes_created
    return created, 0


def peak_megabytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def main(task, url, user, password, rows, *more):
    if v1._rust_pack is None or v1._rust_unpack is None:
        sys.exit("the driver runs without its Rust extension: this is no peer")
    clock = Clock()
    with neo4j.GraphDatabase.driver(url, auth=(user, password) if user else None) as driver:
        driver.verify_connectivity()
        if task == "read":
            count, checksum = read(driver, clock, int(rows))
        else:
            count, checksum = write(driver, clock, int(rows), int(more[0]), more[1])
    print(
        json.dumps(
            {
                "rows": count,
                "checksum": checksum,
                "seconds": clock.seconds,
                "cpu": clock.cpu,
                "peakMegabytes": peak_megabytes(),
            }
        )
    )


main(*sys.argv[1:])

"""Encore against itself: a masked-LM step of 8 x 512 tokens in bf16 on one thread and on two."""
import re

import mlm_rows
import peers


def rate(threads):
    text, _ = mlm_rows.run_measured(peers.program("mlm_step_bench"), "--steps", "1" if threads == 1 else "2", "--threads",
                                    threads)
    return {"value": float(re.search(r"8 x 512: (\d+) tokens/s", text).group(1)), "who": f"mlm_step_bench --threads {threads}"}


if peers.THREADS < 2:
    peers.skip("threads", "one core alone")
peers.emit("threads", "MLM step, 8 x 512, bf16, from 1 thread to 2", "tokens/s", rate(1), rate(2), must=1.85)

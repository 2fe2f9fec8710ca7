#!/usr/bin/env python3
"""Finds products of one loop that share the registers of their A operand. ptxas 13.0 has given the registers of an
operand that a loop keeps to another operand of the loop: wrong results, without a warning.

    nvdisasm -c KERNELS.cubin | wgmma_operands.py      a line for each kernel with products; exit code 1 if some share

In the loop with the most products (HGMMA) of a kernel, each product that takes A from registers must have its own: no
two products of these loops have the same A.
"""
import re
import subprocess
import sys


def kernels(text):
    """(name, instructions, labels): labels to places among the instructions."""
    for section in re.split(r"\n\s*\.section\s+", text):
        if not section.startswith(".text."):
            continue
        labels, instructions = {}, []
        for line in section.splitlines():
            if label := re.match(r"\s*(\.L_x_\d+):", line):
                labels[label[1]] = len(instructions)
            elif found := re.match(r"\s*/\*[0-9a-f]+\*/\s+(.*?);", line):
                instructions.append(found[1])
        yield re.match(r"\.text\.(\w+)", section)[1], instructions, labels


def products_of_main_loop(instructions, labels):
    loops = [[]]
    for end, instruction in enumerate(instructions):
        back = re.search(r"BRA.*`\((\.L_x_\d+)\)", instruction)
        begin = labels.get(back[1], end + 1) if back else end + 1
        if begin <= end:
            loops.append([x for x in instructions[begin:end + 1] if "HGMMA" in x])
    return max(loops, key=len)


def main():
    failed = 0
    for name, instructions, labels in kernels(sys.stdin.read()):
        products = products_of_main_loop(instructions, labels)
        found = [m[1] for x in products if (m := re.search(r"HGMMA\S*\s+R\d+[^,]*,\s*(R\d+)", x))]
        if not products:
            continue
        shared = len(found) - len(set(found))
        failed += shared > 0
        plain = subprocess.run(["c++filt", name], capture_output=True, text=True).stdout.strip().split("(")[0]
        print(f"{plain}: {len(products)} products in its loop, {len(found)} with A in registers"
              + (f", {shared} of them in registers of another: WRONG" if shared else ""))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

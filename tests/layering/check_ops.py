#!/usr/bin/env python3
"""Names every place that an op is missing from: a call that no test, benchmark or planted fault makes is no error anywhere
else (CONTRIBUTING.md, "How to add an op").

    check_ops.py [ROOT]

An op is a method of kernels/backend.h, `virtual void x(const X&) = 0`; its header is the file of kernels/ops that
declares the free function of that name.
"""
import json
import pathlib
import re
import sys
import tomllib

# Exceptions, with the reason.
NOT_COUNTED = {  # of bench/kernels/cost.json
    "linear_forward": "a product of cuBLASLt",
    "linear_backward_input": "a product of cuBLASLt",
    "linear_backward_weight": "a product of cuBLASLt",
}
NOT_ISOLATED = {"bias_gradient": "it has sums over rows alone, and no row of a result"}
NO_FAULT = {"matmul": "its kernels are cuBLASLt's"}


def check(root):
    text = lambda path: (root / path).read_text() if (root / path).exists() else ""
    headers = {p.stem: p.read_text() for p in sorted((root / "kernels/ops").glob("*.h"))}
    tests = "tests/kernels"
    spare_rows = [p.relative_to(root).as_posix() for p in sorted((root / tests).glob("*spare_rows_test.cpp"))]
    counted = {line["op"] for line in json.load(open(root / "bench/kernels/cost.json"))["counts"]}
    planted = set()
    for path in (root / "tests/faults").glob("*.toml"):
        content = tomllib.load(open(path, "rb"))
        for fault in content["fault"]:
            planted.update(fault.get("tests", content.get("tests", [])))

    faults = []
    ops = re.findall(r"virtual void (\w+)\(const (\w+)&\) = 0;", text("kernels/backend.h"))
    for op, struct in ops:
        stem = next((s for s, t in headers.items() if re.search(rf"\bvoid {op}\(Backend&, const {struct}&\)", t)), None)
        if stem is None:
            faults.append(f"{op}: no header of kernels/ops declares void {op}(Backend&, const {struct}&)")
            continue
        fields = re.search(rf"\bstruct {struct} \{{\n(.*?)^\}};", headers[stem], re.S | re.M)
        called = [[f"{tests}/{stem}_test.cpp"], [f"{tests}/op_checks_test.cpp"], [f"bench/kernels/{stem}_bench.cpp"]]
        if fields and re.search(r"^  Tensor live;", fields[1], re.M):
            called.append(spare_rows)
            if op not in NOT_ISOLATED:
                called.append([f"{tests}/isolation_test.cpp"])
        for paths in called:
            if not any(re.search(rf"\b{op}\(", text(path)) for path in paths):
                faults.append(f"{op}: not called in {' or '.join(paths)}")
        if op not in counted and op not in NOT_COUNTED:
            faults.append(f"{op}: not counted in bench/kernels/cost.json (a case in bench/kernels/cost, then "
                          "scripts/cost_sheet.sh)")
        if stem not in planted and stem not in NO_FAULT:
            faults.append(f"{op}: no fault of tests/faults/*.toml names \"{stem}\" among its tests")
    return ops, faults


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    ops, faults = check(root)
    for fault in faults:
        print(fault)
    print(f"{len(ops)} ops, {len(faults)} faults")
    return 1 if faults or not ops else 0


if __name__ == "__main__":
    sys.exit(main())

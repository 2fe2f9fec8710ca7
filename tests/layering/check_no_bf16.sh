#!/bin/sh
# check_no_bf16.sh OBJDUMP OBJECT...
# Objects compiled for AVX-512 without BF16 hold no instruction that such a processor lacks: a program would end there
# with SIGILL. No compiler flag asks for one, but a target attribute or inline assembly could.
objdump=$1
shift
[ $# -gt 0 ] || { echo "check_no_bf16.sh: no objects"; exit 2; }
code=$("$objdump" -d --no-show-raw-insn "$@") || exit 2
echo "$code" | grep -q '%zmm' || { echo "these objects have no AVX-512 instruction at all"; exit 1; }
found=$(echo "$code" | grep -E 'vdpbf16ps|vcvtne2?ps2bf16|[[:space:]](v[a-z0-9]*(ph|sh)|t(dp|ile)[a-z0-9]*)[[:space:]]' | head)
[ -z "$found" ] && exit 0
echo "instructions of AVX512_BF16, AVX512_FP16 or AMX in objects for AVX-512 without them:"
echo "$found"
exit 1

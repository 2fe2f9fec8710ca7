#!/bin/sh
# check_wide_symbols.sh NM OBJECT...
# Objects compiled for AVX-512 may define weak symbols (inline functions, templates) only inside their own namespace:
# the linker keeps one copy of a weak symbol for the whole program, and an AVX2 machine would die in this one.
nm=$1
shift
leaked=$("$nm" -C --defined-only "$@" | grep -E ' [VWuvw] ' | grep -vE 'encore::cpu::avx512(_bf16)?::' | sort -u)
[ -z "$leaked" ] && exit 0
echo "weak symbols of AVX-512 objects outside encore::cpu::avx512 and avx512_bf16 (kernels/cpu/README.md):"
echo "$leaked"
exit 1

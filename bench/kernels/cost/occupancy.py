"""How many warps of a kernel one multiprocessor holds (CUDA C++ Programming Guide, "Compute Capabilities"): registers go
to warps by 256, shared memory to blocks by 128 bytes with 1 KiB of the system's own."""

SHARED = {"sm_80": 164 * 1024, "sm_90a": 228 * 1024}
WARPS, BLOCKS, REGISTERS = 64, 32, 65536


def blocks_per_sm(arch, registers, threads, shared):
    warps = -(-threads // 32)
    of_warp = -(-registers * 32 // 256) * 256
    by_registers = REGISTERS // of_warp // warps
    by_shared = SHARED[arch] // (-(-(shared + 1024) // 128) * 128)
    return min(by_registers, by_shared, WARPS // warps, BLOCKS)


def occupancy(arch, registers, threads, shared):
    """Warps held, as a share of the 64 there may be, and what sets the limit."""
    warps = -(-threads // 32)
    blocks = blocks_per_sm(arch, registers, threads, shared)
    limit = "warps"
    if blocks < min(WARPS // warps, BLOCKS):
        limit = "registers" if REGISTERS // (-(-registers * 32 // 256) * 256) // warps == blocks else "shared memory"
    return blocks * warps / WARPS, limit

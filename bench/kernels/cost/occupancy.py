"""Warps of a kernel that one multiprocessor holds (CUDA C++ Programming Guide, "Compute Capabilities"): registers are
allotted to warps in units of 256, shared memory to blocks in units of 128 bytes, plus 1 KiB for the system."""

SHARED = {"sm_80": 164 * 1024, "sm_90a": 228 * 1024}
WARPS, BLOCKS, REGISTERS = 64, 32, 65536


def blocks_per_sm(arch, registers, threads, shared):
    warps = -(-threads // 32)
    of_warp = -(-registers * 32 // 256) * 256
    by_registers = REGISTERS // of_warp // warps
    by_shared = SHARED[arch] // (-(-(shared + 1024) // 128) * 128)
    return min(by_registers, by_shared, WARPS // warps, BLOCKS)


def occupancy(arch, registers, threads, shared):
    """Resident warps as a share of the maximum of 64, and the resource that sets the limit."""
    warps = -(-threads // 32)
    blocks = blocks_per_sm(arch, registers, threads, shared)
    limit = "warps"
    if blocks < min(WARPS // warps, BLOCKS):
        limit = "registers" if REGISTERS // (-(-registers * 32 // 256) * 256) // warps == blocks else "shared memory"
    return blocks * warps / WARPS, limit

"""The reasons for figures over their bounds: (pattern of "op, variant" or of the kernel, reason, mark in the sheet).
Every such figure needs a reason, else the sheet is not written; a reason that no figure needs is an error too."""

# More than 1.05 of the floor goes to or comes from memory.
BYTES = [
    ("^attention_backward, .*with atomics", "One pass, but dq is summed in fp32: cleared, added to from every tile of keys "
     "and rounded to bf16 by a kernel of its own, as delta is by another, which reads O and dO.", "d"),
    ("^attention_backward", "Two passes, so that every sum has one owner and no atomics are needed: the pass over keys reads "
     "Q, K, V, dO and lse again, which the pass over queries has read, and delta goes through memory. The kernel is not "
     "bound by memory at 512 tokens (see the H100 floor); at 128 it is, and a single pass would need the sums of dq "
     "from every key tile in memory, in fp32.", "a"),
    ("^embedding_backward", "The two tables' rows are sums in two orders, so dy is read twice, the second time with the means "
     "that the first has kept of each row; the named rows of the tables are read with it. One pass would need the sums by "
     "position of all blocks on the chip (1.5 MB at 512 positions), or atomics, which change bits from run to run. "
     "Where words do not end with the blocks' shares, as they do here, their parts add up to 6 MB. Once a step, 0.1 ms of "
     "about 90.",
     "b"),
    ("^cross_entropy, fp32.*bias gradient", "A row of fp32 logits does not fit in a block's registers, so the logits are read "
     "twice: the row's maximum and sum of exponentials first, then the gradient in column tiles, whose sums over rows are "
     "the bias gradient. fp32 logits serve comparisons, not training.", "c"),
    ("^bag_likelihood", "Each block of 32 words leaves a partial softmax, the largest y and a sum for each of the 512 "
     "documents, which the next kernel reads: 6 % of what the reconstruction moves once. An entry's element of the "
     "reconstruction is a sector of 32 bytes by itself.", "e"),
]
# Loads and stores request more than 1.05 of the bytes that move; L1 or L2 serve the rest.
ISSUED = [
    ("^attention", "Every tile of queries reads all keys and values of its sequence (and backward the other way round): "
     "L2 holds a sequence's head (64 KiB at 512 tokens) while its tiles run. Attention in fp32 has tiles of 32 rows, so "
     "it asks twice as often.", "1"),
    ("^layernorm_forward", "gamma, beta and the bias (fp32) and the names of the dropout's draws are read for each row: 3 to "
     "4 KiB each, in L1 after a block's first row.", "2"),
    ("^layernorm_backward", "gamma is read twice for four rows, from L1, and the names of the dropout's draws once a unit of "
     "8 columns, which a warp reads in one transaction.", "3"),
    ("^embedding_", "A word's row is read once a token that names it (eight times here), a position's once a sequence; "
     "gamma and beta once a row. The tables that a batch names, 13 MB and less, stay in L2.", "4"),
    ("^(gelu|tanh)_forward", "The bias (fp32) is read once a unit of 8 elements, from L1.", "5"),
    ("^dropout_apply", "Each thread reads its row's sequence, position and example key for its 8 elements; a warp's are the "
     "same, so it is one transaction each.", "6"),
    ("^(gather|scatter)_rows", "Each thread reads its row's index for its 8 elements, one transaction a warp.", "7"),
    ("^cross_entropy", "The bias (fp32) is read from L2: in fp32 for every row, in bf16 once a cluster of blocks.", "8"),
    ("^adamw", "Each thread reads the four scalars of the step (16 bytes) for its 8 elements, one transaction a warp.", "9"),
    ("^bag_likelihood", "A word's row (2 KB) is read three times by the first kernel, for the mean, the variance and the "
     "softmax, and three times by the last, from L1; the documents' lse and weight are read for every word.", "10"),
    ("^bag_linear_", "A row of 81 numbers is read for each entry that names it, and every thread reads the entry itself, "
     "one transaction a warp. What a batch names stays in L2.", "11"),
    ("^logistic_normal_", "A lane reads again what it wrote of theta (from L1), and each draw's key.", "12"),
]
# More than 2 % of a kernel's shared-memory wavefronts are there because of bank conflicts.
CONFLICTS = [
    (r"^cross_entropy_kernel<float", "fp32 logits lie in shared memory as units of 8 elements, 32 bytes a lane, so two lanes of "
     "a phase share each bank. fp32 logits serve comparisons, not training, and the kernel waits for memory.", "i"),
    (r"^layernorm_backward_warp_kernel", "The sums that warps leave for one another, once a block, lie in columns' order: 32 "
     "bytes a lane.", "j"),
]

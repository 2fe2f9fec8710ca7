#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into corpus/: small inputs that are valid, and some that nearly are.

    make_corpus.py      standard library; `zstd` for the .zst seeds

Files named found-* are former findings (scripts/fuzz.sh) and are left as they are.
"""
import gzip
import io
import json
import os
import struct
import subprocess
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))


# ---- safetensors
def safetensors(header, data=b"", pad=0):
    text = (header if isinstance(header, str) else json.dumps(header)).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    put("safetensors", "empty", safetensors({}))
    put("safetensors", "two", safetensors({"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 1], 0, 8),
                                           "b": entry("BF16", [3], 8, 14)}, bytes(range(14)), 5))
    put("safetensors", "all_dtypes", safetensors({
        "h": entry("F16", [4], 0, 8), "d": entry("F64", [1], 8, 16), "i": entry("I64", [], 16, 24),
        "t": entry("BOOL", [0, 3], 24, 24)}, bytes(24)))
    put("safetensors", "overlap", safetensors({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 2, 6)}, bytes(6)))
    put("safetensors", "overflow", safetensors({"a": entry("F32", [2**62, 4], 0, 0)}))
    put("safetensors", "outside", safetensors({"a": entry("I8", [2**63], 2**64 - 1, 2**63)}))
    put("safetensors", "twice", safetensors('{"a":%s,"a":%s}' % ((json.dumps(entry("U8", [1], 0, 1)),) * 2), b"x"))
    put("safetensors", "long_header", struct.pack("<Q", 2**40) + b"{}")


# ---- pickles, as torch.save writes them
def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def number(n):
    return b"\x8a\x08" + struct.pack("<q", n)


def glob(module, name):
    return f"c{module}\n{name}\n".encode()


def numbers(values):
    return b"(" + b"".join(number(v) for v in values) + b"t"


def tensor(storage, key, elements, offset, shape, strides, view=b""):
    return (glob("torch._utils", "_rebuild_tensor_v2") + b"((" + text("storage") + glob("torch", storage) + text(key)
            + text("cpu") + number(elements) + view + b"tQ" + number(offset) + numbers(shape) + numbers(strides)
            + b"\x89" + glob("collections", "OrderedDict") + b")RtR")


def pickled(opcodes, protocol=2):
    return b"\x80" + bytes([protocol]) + opcodes + b"."


def dictionary(tensors):
    return b"}(" + b"".join(text(name) + t for name, t in tensors) + b"u"


PLAIN = dictionary([("a", tensor("FloatStorage", "0", 6, 0, [2, 3], [3, 1])),
                    ("b", tensor("FloatStorage", "0", 6, 1, [3, 2], [1, 3])),
                    ("c", tensor("HalfStorage", "1", 2, 0, [2], [1]))])


def pickle_seeds():
    put("pickle", "plain", pickled(PLAIN))
    put("pickle", "ordered", pickled(glob("collections", "OrderedDict") + b"](](" + text("k")
                                     + tensor("BFloat16Storage", "0", 1, 0, [], []) + b"ee\x85R"))
    put("pickle", "protocol4", pickled(b"\x95" + struct.pack("<Q", 40) + b"}\x94\x8c\x01k\x94\x8c\x05torch\x94\x8c"
                                       b"\x0cFloatStorage\x94\x93s", 4))
    put("pickle", "parameter", pickled(b"}" + text("p") + glob("torch._utils", "_rebuild_parameter") + b"("
                                       + tensor("LongStorage", "7", 4, 0, [2, 2], [2, 1]) + b"\x88"
                                       + glob("collections", "OrderedDict") + b")Rt" + b"Rs"))
    put("pickle", "scalars", pickled(b"(NK\x07M\x01\x02J\xff\xff\xff\xff\x88\x89G" + bytes(8)
                                     + b"\x8a\x00\x8a\x03\xff\xff\xffU\x02ab\x8c\x01cT\x00\x00\x00\x00t"))
    put("pickle", "memo", pickled(b"]q\x00r\x01\x00\x00\x00h\x00a\x94j\x01\x00\x00\x00a"))
    put("pickle", "refused", pickled(glob("posix", "system") + b"(" + text("id") + b"tR"))
    put("pickle", "view", pickled(b"}" + text("v") + tensor("FloatStorage", "0", 8, 0, [2], [1], b"("
                                                            + text("w") + number(2) + number(4) + b"t") + b"s"))


def stored_zip(files, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in files:
            info = zipfile.ZipInfo(name)  # with the time of no clock
            info.compress_type = method
            z.writestr(info, data)
    return out.getvalue()


def legacy(root, storages):
    out = pickled(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickled(b"M\xe9\x03")
    out += pickled(b"}(" + text("protocol_version") + number(1001) + text("little_endian") + b"\x88u") + root
    out += pickled(b"](" + b"".join(text(key) for key, _, _ in storages) + b"e")
    return out + b"".join(struct.pack("<Q", count) + data for _, count, data in storages)


def pytorch_seeds():
    files = [("archive/data.pkl", pickled(PLAIN)), ("archive/byteorder", b"little"),
             ("archive/data/0", bytes(24)), ("archive/data/1", bytes(4)), ("archive/version", b"3\n")]
    put("pytorch_file", "stored.zip", stored_zip(files))
    put("pytorch_file", "deflated.zip", stored_zip(files, zipfile.ZIP_DEFLATED))
    put("pytorch_file", "short.zip", stored_zip(files)[:-30])
    storages = [("0", 6, bytes(24)), ("1", 2, bytes(4))]
    put("pytorch_file", "legacy.bin", legacy(pickled(PLAIN), storages))
    put("pytorch_file", "legacy_short.bin", legacy(pickled(PLAIN), storages)[:-3])
    view = dictionary([("v", tensor("FloatStorage", "0", 6, 0, [2], [1],
                                    b"(" + text("w") + number(2) + number(4) + b"t"))])
    put("pytorch_file", "legacy_view.bin", legacy(pickled(view), storages[:1]))
    whole = bytearray(stored_zip(files[:2]))
    whole[:] = whole[:-22]  # the same directory by way of a zip64 record
    count, start = 2, whole.index(b"PK\1\2")
    record = len(whole)
    whole += b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, record - start, start)
    whole += b"PK\6\7" + struct.pack("<IQI", 0, record, 1)
    whole += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0)
    put("pytorch_file", "zip64.zip", bytes(whole))


# ---- JSON of model folders
def config_seeds():
    with open(os.path.join(HERE, "../golden/mlm-d32/model/config.json")) as f:
        whole = json.load(f)
    put("config", "golden.json", json.dumps(whole))
    put("config", "empty.json", "{}")
    put("config", "labels.json", json.dumps({**whole, "id2label": {"0": "a", "1": "b\u00e9"}, "label2id": {"a": 0},
                                             "classifier_dropout": 0.3, "bos_token_id": None}))
    put("config", "count.json", json.dumps({"architectures": ["RobertaForMaskedLM"], "num_labels": 3,
                                            "layer_norm_eps": 1e-5, "hidden_act": "gelu", "pruned_heads": {}}))
    put("config", "bert.json", json.dumps({"model_type": "bert"}))
    put("config", "extremes.json", json.dumps({"hidden_size": 2**63, "vocab_size": -2**63, "num_labels": 2**64 - 1,
                                               "layer_norm_eps": 1e-300}))


def shard_seeds():
    put("shard_index", "good.json", json.dumps({"metadata": {"total_size": 4}, "weight_map": {"w": "a.safetensors"}}))
    put("shard_index", "missing.json", json.dumps({"weight_map": {"w": "b.safetensors"}}))
    put("shard_index", "outside.json", json.dumps({"weight_map": {"w": "../a.safetensors", "v": "a/b", "u": ""}}))


# ---- tokenizers
def letters():
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in own]
    return [chr(b) if b in own else chr(256 + rest.index(b)) for b in range(256)]


def tokenizer_parts(some="abcdehimnorstu 12.,'"):
    table = letters()
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted({table[ord(c)] for c in some}), "aa", "aab", "<mask>"]
    return {t: i for i, t in enumerate(tokens)}, [("a", "a"), ("aa", "b")]


def tokenizer_json(vocab, merges, **more):
    added = [{"id": vocab[t], "content": t, "single_word": False, "lstrip": t == "<mask>", "rstrip": False,
              "normalized": False, "special": True} for t in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]
    return {"version": "1.0", "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                      "end_of_word_suffix": "", "fuse_unk": False, "vocab": vocab, "merges": merges}, **more}


def template():
    cls, sep = [{"SpecialToken": {"id": t, "type_id": 0}} for t in ("<s>", "</s>")]
    a, b = [{"Sequence": {"id": t, "type_id": 0}} for t in "AB"]
    return {"type": "TemplateProcessing", "single": [cls, a, sep], "pair": [cls, a, sep, b, sep],
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("<s>", 0), ("</s>", 2))}}


def tokenizer_seeds():
    vocab, merges = tokenizer_parts()
    lines = [f"{a} {b}" for a, b in merges]
    put("tokenizer_json", "strings.json", json.dumps(tokenizer_json(vocab, lines), ensure_ascii=False))
    put("tokenizer_json", "pairs.json", json.dumps(tokenizer_json(vocab, merges)))
    put("tokenizer_json", "unknown_merge.json", json.dumps(tokenizer_json(vocab, ["a z"])))
    put("tokenizer_json", "far_id.json", json.dumps(tokenizer_json({**vocab, "zz": 2**21 - 1}, lines)))
    put("tokenizer_json", "template.json", json.dumps(tokenizer_json(vocab, lines, post_processor=template())))
    roberta = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}
    put("tokenizer_json", "processors.json", json.dumps(tokenizer_json(
        vocab, lines, post_processor={"type": "Sequence", "processors": [{"type": "ByteLevel"}, roberta]})))
    put("tokenizer_json", "wordpiece.json", '{"model":{"type":"WordPiece","vocab":{}}}')
    merges_txt = "#version: 0.2\n" + "\n".join(lines) + "\n"
    vocab_json = json.dumps(vocab, ensure_ascii=False)
    names = json.dumps({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False, "rstrip": True},
                        "mask_token": {"content": "<mask>", "lstrip": True}, "pad_token": "<pad>"})
    config = json.dumps({"add_prefix_space": True, "unk_token": "<unk>", "added_tokens_decoder":
                         {"0": {"content": "<s>", "special": True}, "40": {"content": "<new>", "rstrip": True}}})
    put("merges", "two_files", merges_txt + "\0" + vocab_json)
    put("merges", "all_files", "\0".join([merges_txt, vocab_json, names, config, '{"<more>": 50}']))
    put("merges", "windows", merges_txt.replace("\n", "\r\n") + "\0" + vocab_json)
    put("merges", "bad_line", "a a\na  b\n\n" + "\0" + vocab_json)


# ---- text
def text_seeds():
    rows = '{"text": "one \\u00e9 \\ud83d\\ude00", "label": "a", "id": 1}\n\n{"label": true, "text": "two", "x": [1, {"y": null}]}'
    put("jsonl", "rows.jsonl", rows)
    put("jsonl", "pairs.jsonl", '\ufeff{"text":"a","pair":"b","label":-1.5e3,"id":"q"}\r\n{"text":"","pair":"","label":0}\n')
    put("jsonl", "nested.jsonl", '{"text":"a","label":"b","deep":' + "[" * 40 + "]" * 40 + "}\n")
    put("jsonl", "bad.jsonl", '{"text":"a"}\n{"text":tru}\n{"text":"b"} x\n[1]\n{"text":"\\ud800"}\n')
    put("jsonl", "no_end.jsonl", '{"text":"a","label":"b"')
    put("jsonl", "latin1.jsonl", b'{"text":"\xe9"}\n')
    for kind, mark in (("csv", ","), ("tsv", "\t")):
        table = [["text", "pair", "label", "id"], ['"a ""b"" ' + mark + '\n c"', "d", "x", "1"], ["e", "", "y", "07"]]
        put(kind, "quoted", "\n".join(mark.join(row) for row in table) + "\n")
        put(kind, "windows", "\ufeff" + "\r\n".join(mark.join(row) for row in [["label", "text"], ["1", "a"], ["2", '"b"']]))
        put(kind, "open_quote", mark.join(["text", "label"]) + '\n"never closed' + mark + "x\n")
        put(kind, "ragged", mark.join(["text", "label"]) + "\na\n\n" + mark.join("bcd") + "\n")
        put(kind, "twice", mark.join(["text", "text"]) + "\na" + mark + "b\n")
    put("txt", "lines", "one\n\ntwo\r\nthree\n \n\nfour")
    put("txt", "mark", "\ufeffa\n")
    put("txt", "utf16", "a\n".encode("utf-16"))
    put("txt", "zeros", b"\0\n\0\0\n")


def packed(data, *flags):
    return subprocess.run(["zstd", "-q", "-c", *flags], input=data, stdout=subprocess.PIPE, check=True).stdout


def archive_seeds():
    lines = b"".join(b"line %d of some text\n" % i for i in range(40))
    whole = gzip.compress(lines, mtime=0)
    put("gz", "one", whole)
    put("gz", "members", gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b\n", mtime=0))
    put("gz", "cut", whole[:-9])
    put("gz", "wrong_sum", whole[:-8] + bytes(4) + whole[-4:])
    put("gz", "stored", b"\x1f\x8b\x08\x18" + bytes(6) + b"name\0comment\0" + b"\x01\x02\x00\xfd\xffa\n"
        + struct.pack("<II", zlib.crc32(b"a\n"), 2))
    put("gz", "trailing", whole + b"\0\0\0\0")
    frame = packed(lines)
    put("zst", "one", frame)
    put("zst", "frames", packed(b"a\n", "--no-check") + struct.pack("<II", 0x184D2A50, 3) + b"xyz" + packed(b"b\n"))
    put("zst", "cut", frame[:-5])
    put("zst", "runs", packed(b"a" * 300000 + b"\n"))
    put("zst", "long", packed(lines, "--long=22"))
    put("zst", "empty_frame", packed(b""))


# ---- the project's own files
def state_seeds():
    state = {"version": 1, "step": 3, "seconds": 1.5, "tokens": 100, "flops": 1e9, "last_eval_step": -1,
             "first_eval_loss": None, "last_eval_loss": 2.5, "best_loss": None, "best_step": -1, "log_bytes": 10,
             "events_file": "events.out.tfevents", "events_bytes": 20, "train_fingerprint": "00000000000000ff",
             "eval_fingerprint": "0000000000000000", "model_fingerprint": "0123456789abcdef",
             "files": {name: {"bytes": 256, "crc32": f"{zlib.crc32(bytes(256)):08x}"}
                       for name in ("weights.f32", "adam_m.f32", "adam_v.f32")}}
    put("state", "inner.json", json.dumps(state))
    dumped = json.dumps(state, sort_keys=True, separators=(",", ":"))
    put("state", "whole.json", json.dumps({"state": state, "crc32": f"{zlib.crc32(dumped.encode()):08x}"}))
    put("state", "no_hex.json", json.dumps({**state, "train_fingerprint": "xyz"}))
    put("state", "far_hex.json", json.dumps({**state, "model_fingerprint": "f" * 20}))
    put("state", "wrong_types.json", json.dumps({**state, "files": 5, "step": "3"}))
    put("state", "version_text.json", json.dumps({**state, "version": "1"}))
    put("state", "no_object.json", "[3]")
    put("state", "deep.json", '{"state":' + "[" * 60000 + "]" * 60000 + ',"crc32":"0"}')
    newer = {key: value for key, value in state.items() if not key.endswith("fingerprint")}
    newer.update({"version": 2, "log": {"bytes": 10, "crc32": "0d968558"}, "events": {"bytes": 20, "crc32": "00000000"},
                  "digest": {"--lr": "0.001", "training data": "00000000000000ff"}})
    put("state", "version_2.json", json.dumps(newer))
    put("state", "outside.json", json.dumps({**newer, "events_file": "../../elsewhere"}))
    put("state", "digest_fields.json", json.dumps({**newer, "digest": {"--lr": 3}}))
    put("state", "mark_fields.json", json.dumps({**newer, "log": {"bytes": -1, "crc32": "x"}}))
    put("state", "file_fields.json", json.dumps({**state, "files": {**state["files"], "weights.f32": {"bytes": "x"}}}))


def cache_file(tokens, offsets, words=None, hashes=None, files="[]", wide=False, at=None):
    body = struct.pack(f"<{len(tokens)}{'I' if wide else 'H'}", *tokens)
    body += bytes(-len(body) % 8)
    at_tokens = 8 + 4 + 4 + 8 * 3 + 8 * 8 + 8 * 2
    at_words = at_tokens + len(body)
    bits = (len(tokens) + 63) // 64 * 8
    body += (words or b"\xff" * bits) + b"\x01" * bits
    at_offsets = at_words + 2 * bits
    body += struct.pack(f"<{len(offsets)}Q", *offsets)
    documents = len(offsets) - 1
    at_hashes = at_offsets + 8 * len(offsets)
    body += struct.pack(f"<{documents}Q", *(hashes or range(1, 7 * documents, 7)))
    at_files = at_hashes + 8 * documents
    body += files.encode()
    places = at or [at_tokens, at_words, at_words + bits, at_offsets, at_hashes, at_files]
    # Sums, sizes and the key are the target's to put right.
    return b"ENCTOKEN" + struct.pack("<II13Q", 2, 4 if wide else 2, 0, documents, len(tokens), *places, 0, 0, 0,
                                     0) + body


def cache_seeds():
    listed = json.dumps([{"path": "/c.txt", "size": 1, "inode": 2, "mtime_ns": 3, "hash": 4, "documents": 3,
                          "text_bytes": 5}])
    ids = [ord(c) % 250 + 5 for c in "ab cdef gh, ij"]
    put("token_cache", "good", cache_file(ids, [0, 5, 5, 14], files=listed))
    put("token_cache", "wide", cache_file(ids, [0, 5, 5, 14], wide=True, files=listed))
    put("token_cache", "backwards", cache_file(ids, [0, 9, 5, 14], files=listed))
    put("token_cache", "outside", cache_file(ids, [0, 2**40, 2**40, 14], files=listed))
    put("token_cache", "far_ids", cache_file([2**31, 5, 6, 7], [0, 1, 4], wide=True, files=listed))
    put("token_cache", "no_documents", cache_file([], [0], files=listed))
    put("token_cache", "places", cache_file(ids, [0, 5, 14], at=[2**64 - 8, 8, 2**63, 0, 112, 2**32]))
    put("token_cache", "short", cache_file(ids, [0, 5, 14])[:100])


def batch_seeds():
    put("trace_batch", "mlm.json", '{"input_ids": [[0, 5, 2], [0, 2]], "labels": [[-100, 5, -100], [-100, 3]]}')
    put("trace_batch", "classes.json", '{"input_ids": [[0, 5, 2]], "class_labels": [1], "token_type_ids": [[0, 1, 1]]}')
    put("trace_batch", "numbers.json", '{"input_ids": [[0, 18446744073709551615, -9223372036854775808, 1e3]], "labels": [[1]]}')
    put("trace_batch", "ragged.json", '{"input_ids": [[0], []], "labels": [[1, 2]], "class_labels": 5}')
    put("trace_batch", "twice.json", '{"input_ids": [[0]], "input_ids": 4, "labels": [[\n1]]}')


if __name__ == "__main__":
    for make in (safetensors_seeds, pickle_seeds, pytorch_seeds, config_seeds, shard_seeds, tokenizer_seeds,
                 text_seeds, archive_seeds, state_seeds, cache_seeds, batch_seeds):
        make()

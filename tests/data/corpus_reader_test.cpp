#include "data/readers/corpus_reader.h"

#include <sys/stat.h>

#include <thread>

#include "kernels/base/hash.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
using Texts = std::vector<std::string>;

Texts read(const std::vector<std::string>& files, CorpusOptions options = {}) {
  options.files = files;
  CorpusReader reader(resolve_files(files, ""), options);
  Texts texts;
  std::string text;
  while (reader.next(text)) texts.push_back(text);
  return texts;
}

TEST(Hash, PublishedVectors) {
  EXPECT_EQ(hash_bytes(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(hash_bytes("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(hash_bytes("abc"), 0x44BC2CF5AD770999u);
  EXPECT_EQ(hash_bytes("The quick brown fox jumps over the lazy dog"), 0x0B242D361FDA71BCu);
}

TEST(Hash, PiecesDoNotMatter) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes += char(i * 37);
  for (size_t size : {0, 1, 31, 32, 33, 64, 95, 300})
    for (size_t cut = 0; cut <= size; ++cut) {
      Hasher pieces;
      pieces.add(bytes.data(), cut).add(bytes.data() + cut, size - cut);
      ASSERT_EQ(pieces.digest(), hash_bytes({bytes.data(), size})) << size << " cut at " << cut;
    }
}

TEST(CorpusReader, TextLines) {
  TempDir dir;
  EXPECT_EQ(read({dir.write("a.txt", "one\ntwo\r\n\nlast")}), (Texts{"one", "two", "", "last"}));
  EXPECT_EQ(read({dir.write("b.txt", "\xef\xbb\xbfone\n")}), (Texts{"one"}));
  EXPECT_EQ(read({dir.write("c.txt", "\n")}), (Texts{""}));
  EXPECT_EQ(read({dir.write("d.txt", "x\r\n\r\n")}), (Texts{"x", ""}));
  EXPECT_EQ(read({dir.write("e.txt", "tab\tkept \n")}, {.text_field = "body"}), (Texts{"tab\tkept "}));
}

TEST(CorpusReader, BlankLineDocuments) {
  TempDir dir;
  const CorpusOptions blank{.blank_line_documents = true};
  EXPECT_EQ(read({dir.write("a.txt", "\n\none\ntwo\r\n \t\n\nthree\n\n")}, blank), (Texts{"one\ntwo", "three"}));
  EXPECT_EQ(read({dir.write("b.txt", "only")}, blank), (Texts{"only"}));
  expect_parts(error_of([&] { read({dir.write("c.txt", "\n \n")}, blank); }), {"c.txt", "no documents"});
}

TEST(CorpusReader, LongLinesCrossBuffers) {
  TempDir dir;
  Texts lines;
  std::string all;
  for (size_t n : {262143, 262144, 262145, 700000, 1, 0, 262144}) {
    lines.push_back(std::string(n, char('a' + lines.size())));
    all += lines.back() + "\n";
  }
  EXPECT_EQ(read({dir.write("a.txt", all)}), lines);
  EXPECT_EQ(read({dir.write("a.txt.gz", gzip(all))}), lines);
  EXPECT_EQ(read({dir.write("a.txt.zst", zstd(all))}), lines);
}

TEST(CorpusReader, Jsonl) {
  TempDir dir;
  EXPECT_EQ(read({dir.write("a.jsonl",
                            "{\"text\": \"a\\n\\u00e9\\ud83d\\ude00\", \"n\": 1e400, \"l\": [1, {\"x\": null}]}\n"
                            "\n  \r\n{\"id\": 123456789012345678901234567890, \"text\": \"\"}\r\n")}),
            (Texts{"a\n\u00e9\U0001F600", ""}));
  EXPECT_EQ(read({dir.write("b.json", "{\"body\":\"x\",\"text\":3}")}, {.text_field = "body"}), (Texts{"x"}));
  EXPECT_EQ(read({dir.write("c.ndjson", "\xef\xbb\xbf{\"te\\u0078t\":\"x\"}")}), (Texts{"x"}));
}

TEST(CorpusReader, JsonlErrors) {
  TempDir dir;
  const auto message = [&](std::string_view bytes) { return error_of([&] { read({dir.write("a.jsonl", bytes)}); }); };
  expect_parts(message("{\"text\": \"a\"}\n\n{\"body\": \"b\", \"label\": 1}\n"),
               {"a.jsonl", "line 3", "'text'", "body, label", "--text-field"});
  expect_parts(message("{\"text\": 7}\n"), {"a.jsonl", "line 1", "'text'", "string", "7"});
  expect_parts(message("{\"text\": null}\n"), {"a.jsonl", "line 1", "'text'", "null"});
  for (const char* bad : {"{\"text\": \"a\"",
                          "{\"text\": \"a}",
                          "[\"text\"]",
                          "\"text\"",
                          "{\"text\" \"a\"}",
                          "{'text': 'a'}",
                          "{\"text\": \"a\"} {}",
                          "{\"text\": \"a\"}, ",
                          "text",
                          "{\"text\": \"a\", \"b\": tru}",
                          "{\"text\": \"a\", \"b\": 01}",
                          "{\"text\": \"a\", \"b\": [1, 2}",
                          "{\"text\": \"a\", \"b\": nul}",
                          "{\"text\": \"\\ud800\"}",
                          "{\"text\": \"a\\x\"}",
                          "{\"text\": \"a\", \"b\": [1, tru]}",
                          "{\"text\": \"a\", \"b\": {\"c\": [-]}}",
                          "{\"text\": \"a\",}",
                          "{",
                          "}"})
    expect_parts(message(std::string("{\"text\": \"fine\"}\n") + bad + "\n"),
                 {"a.jsonl", "line 2", "not a JSON object"});
}

TEST(CorpusReader, JsonOfPython) {
  TempDir dir;
  const auto message = [&](std::string_view bytes) { return error_of([&] { read({dir.write("a.jsonl", bytes)}); }); };
  expect_parts(message("{\"text\": \"a\", \"score\": NaN}\n"), {"line 1", "\"score\" is NaN", "byte 23", "null"});
  expect_parts(message("{\"text\": \"a\"}\n{\"x\": [1, -Infinity], \"text\": \"a\"}\n"),
               {"line 2", "\"x\" is -Infinity"});
  expect_parts(message("{\"text\": \"NaN \\ud83d\\ude00 \\ude00\"}\n"), {"\"text\" holds \\ude00", "surrogate"});
  expect_parts(message("{\"a\\ud83d\": 1, \"text\": \"\"}\n"), {"a key holds \\ud83d"});
  expect_parts(message("[{\"text\": \"a\"},\n{\"text\": \"b\"}]\n"), {"line 1", "a list of rows", "jq -c '.[]'"});
  expect_parts(message("{\n \"text\": \"a\"\n}\n"), {"line 1", "an object over several lines", "jq -c ."});
  expect_parts(message("{\"text\": \"a\"},\n{\"text\": \"b\"}\n"), {"line 1", "a comma after the object"});
  EXPECT_EQ(read({dir.write("b.jsonl", "{\"text\": \"NaN, Infinity\", \"x\": \"\\\\ud83d\"}\n")}),
            (Texts{"NaN, Infinity"}));
}

// Depth is bounded, also under a key that nobody asked for: without a bound the stack ends first.
TEST(CorpusReader, DeepJson) {
  TempDir dir;
  const auto nested = [](int depth, const char* open, const char* close) {
    std::string text = "{\"text\": \"a\", \"other\": ";
    for (int i = 0; i < depth; ++i) text += open;
    text += "1";
    for (int i = 0; i < depth; ++i) text += close;
    return text + "}\n";
  };
  EXPECT_EQ(read({dir.write("a.jsonl", nested(900, "[", "]"))}), (Texts{"a"}));
  for (const auto& text : {nested(100000, "[", "]"), nested(100000, "{\"k\":", "}")})
    expect_parts(error_of([&] { read({dir.write("a.jsonl", text)}); }), {"a.jsonl", "line 1", "nested more than 1000"});
}

TEST(CorpusReader, Csv) {
  TempDir dir;
  EXPECT_EQ(read({dir.write("a.csv",
                            "id,text,other\r\n1,plain,x\r\n2,\"a, \"\"b\"\"\r\nc\n\",y\r\n\r\n3,,z\r\n4,\"\",\"\"")}),
            (Texts{"plain", "a, \"b\"\r\nc\n", "", ""}));
  EXPECT_EQ(read({dir.write("b.csv", "\xef\xbb\xbf\"text\"\nx \"y\" z\nlone\rreturn\n")}),
            (Texts{"x \"y\" z", "lone\rreturn"}));
  EXPECT_EQ(read({dir.write("c.tsv", "text\tn\na,b\t1\n\"c\td\"\t2\n")}), (Texts{"a,b", "c\td"}));
  EXPECT_EQ(read({dir.write("d.csv.gz", gzip("n,text\n1,\u4e2d\u6587\n"))}), (Texts{"\u4e2d\u6587"}));
}

TEST(CorpusReader, CsvErrors) {
  TempDir dir;
  const auto message = [&](std::string_view bytes) { return error_of([&] { read({dir.write("a.csv", bytes)}); }); };
  expect_parts(message("id,body\n1,x\n"), {"a.csv", "line 2", "'text'", "id, body"});
  expect_parts(message("id,text\n1,x\n2\n"), {"a.csv", "line 3", "1 fields", "2 columns"});
  expect_parts(message("id,text\n1,\"x\ny\"\n2,a,b\n"), {"a.csv", "line 4", "3 fields"});
  expect_parts(message("text\n\"a\nb\n"), {"a.csv", "line 2", "never closed"});
  expect_parts(message("text\n\"a\"b\n"), {"a.csv", "line 2", "doubled"});
  expect_parts(message("text,text\na,b\n"), {"a.csv", "line 1", "'text'", "twice"});
  expect_parts(message("text\n"), {"a.csv", "no documents"});
  expect_parts(message("\n\n"), {"a.csv", "no header"});
}

TEST(CorpusReader, NotUtf8) {
  TempDir dir;
  expect_parts(error_of([&] { read({dir.write("a.txt", "good\nca\xe9 \n")}); }),
               {"a.txt", "line 2", "byte 7", "0xe9", "iconv"});
  expect_parts(error_of([&] {
                 read({dir.write("b.txt", std::string("\xff\xfe"
                                                      "h\0i\0",
                                                      6))});
               }),
               {"line 1", "byte 0", "UTF-16"});
  expect_parts(error_of([&] { read({dir.write("c.jsonl", "{\"text\":\"a\"}\n{\"text\":\"\xc3\"}\n")}); }),
               {"c.jsonl", "line 2", "byte 22"});
  expect_parts(error_of([&] { read({dir.write("d.csv", "text\nx\n\xed\xa0\x80\n")}); }), {"d.csv", "line 3", "byte 7"});
  // A letter cut in two by the end of the file, behind the byte order mark.
  expect_parts(error_of([&] { read({dir.write("e.txt", "\xef\xbb\xbfok\nx\xe4\xb8")}); }), {"line 2", "byte 7"});
}

TEST(CorpusReader, NamesInCapitals) {
  TempDir dir;
  EXPECT_EQ(read({dir.write("A.TXT", "x\n")}), Texts{"x"});
  EXPECT_EQ(read({dir.write("B.Csv", "text\ny\n")}), Texts{"y"});
  EXPECT_EQ(read({dir.write("C.JSONL.GZ", gzip("{\"text\":\"z\"}\n"))}), Texts{"z"});
  EXPECT_EQ(read({dir.write("D.TSV.Zst", zstd("text\tn\nw\t1\n"))}), Texts{"w"});
  expect_parts(error_of([&] { read({dir.write("E.XLSX", "PK")}); }), {"a spreadsheet"});
  expect_parts(error_of([&] { read({dir.write("f.txt.gz", gzip(gzip("x\n")))}); }), {"packed twice", "unpack it once"});
}

TEST(CorpusReader, Archives) {
  TempDir dir;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  const Texts lines = read({dir.write("a.txt", text)});
  ASSERT_EQ(lines.size(), 5000u);
  EXPECT_EQ(read({dir.write("a.txt.gz", gzip(text))}), lines);
  EXPECT_EQ(read({dir.write("a.txt.zst", zstd(text))}), lines);
  // Several members and frames end to end are one text.
  EXPECT_EQ(read({dir.write("b.txt.gz", gzip(text.substr(0, 1000)) + gzip(text.substr(1000)))}), lines);
  EXPECT_EQ(read({dir.write("b.txt.zst", zstd(text.substr(0, 1000)) + zstd("") + zstd(text.substr(1000)))}), lines);
  for (const std::string& packed : {gzip(text), zstd(text)}) {
    const std::string name = packed[0] == '\x1f' ? "t.txt.gz" : "t.txt.zst";
    for (size_t keep : {packed.size() - 1, packed.size() - 9, packed.size() / 2, size_t(20), size_t(3)})
      expect_parts(error_of([&] { read({dir.write(name, packed.substr(0, keep))}); }), {name, "truncated"});
    std::string damaged = packed;
    damaged[packed.size() / 2] = char(damaged[packed.size() / 2] ^ 0x55);
    expect_parts(error_of([&] { read({dir.write(name, damaged)}); }), {name});
    expect_parts(error_of([&] { read({dir.write(name, "just text\n")}); }), {name, "damaged"});
  }
  // A few bytes that unpack to many buffers.
  const std::string same(5 << 20, 'a');
  EXPECT_EQ(read({dir.write("s.txt.gz", gzip(same))}), (Texts{same}));
  for (bool checksum : {false, true})
    EXPECT_EQ(read({dir.write("s.txt.zst", zstd("one\n", checksum) + zstd(same, checksum))}), (Texts{"one", same}));
  // Frames that ask for windows of 2 GiB, as --long=31 packs, and of 4 GiB: one block of "a\n" as it is.
  const auto window = [](char descriptor) {
    return std::string("\x28\xb5\x2f\xfd\0", 5) + descriptor + std::string("\x11\0\0a\n", 5);
  };
  EXPECT_EQ(read({dir.write("w.txt.zst", window('\xa8'))}), (Texts{"a"}));
  expect_parts(error_of([&] { read({dir.write("w.txt.zst", window('\xb0'))}); }), {"w.txt.zst", "damaged"});
  expect_parts(error_of([&] { read({dir.write("e.txt.gz", gzip(""))}); }), {"e.txt.gz", "empty"});
  expect_parts(error_of([&] { read({dir.write("e.txt.zst", zstd(""))}); }), {"e.txt.zst", "empty"});
}

// tar and tape programs fill the last block with zeros.
TEST(CorpusReader, PaddedArchives) {
  TempDir dir;
  const std::string zeros(70000, '\0'), text = "one\ntwo\n";
  EXPECT_EQ(read({dir.write("a.txt.gz", gzip(text) + zeros)}), (Texts{"one", "two"}));
  EXPECT_EQ(read({dir.write("a.txt.zst", zstd(text) + zeros)}), (Texts{"one", "two"}));
  EXPECT_EQ(read({dir.write("b.txt.gz", gzip(text) + "\0\0" + gzip("three\n"))}), (Texts{"one", "two", "three"}));
  for (const std::string name : {"c.txt.gz", "c.txt.zst"}) {
    const std::string packed = name.ends_with("gz") ? gzip(text) : zstd(text);
    expect_parts(error_of([&] { read({dir.write(name, packed + "rubbish that is long enough")}); }), {name, "damaged"});
    expect_parts(error_of([&] { read({dir.write(name, zeros)}); }), {name, "damaged"});
  }
}

TEST(CorpusReader, LineEndsOfOldMacsAndDos) {
  TempDir dir;
  EXPECT_EQ(read({dir.write("a.txt", "one\rtwo\r\rthree")}), (Texts{"one", "two", "", "three"}));
  EXPECT_EQ(read({dir.write("a.csv", "id,text\r1,x\r2,\"y\rz\"\r")}), (Texts{"x", "y\rz"}));
  EXPECT_EQ(read({dir.write("a.jsonl", "{\"text\":\"x\"}\r{\"text\":\"y\"}\r")}), (Texts{"x", "y"}));
  EXPECT_EQ(read({dir.write("b.txt", "one\rstill\ntwo\n")}), (Texts{"one\rstill", "two"})) << "with \\n, \\r is text";
  EXPECT_EQ(read({dir.write("c.txt", "one\r\ntwo\r\n\x1a")}), (Texts{"one", "two"})) << "Ctrl-Z";
  EXPECT_EQ(read({dir.write("d.txt", "\xef\xbb\xbf\xef\xbb\xbfone\n")}), (Texts{"one"}));
  EXPECT_EQ(read({dir.write("d.jsonl", "{\"text\":\"x\"}\n\xef\xbb\xbf{\"text\":\"y\"}\n")}), (Texts{"x", "y"}));
}

TEST(CorpusReader, TablesOfSpreadsheets) {
  TempDir dir;
  // Unnamed columns, columns of nothing beside the table, rows of nothing below it.
  EXPECT_EQ(read({dir.write("a.csv", ",text,,\n0,x,,\n1,y,,\n,,,\n")}), (Texts{"x", "y"}));
  EXPECT_EQ(read({dir.write("b.csv", "text,label\nx,1,,\ny,0\n,\n")}), (Texts{"x", "y"}));
  EXPECT_EQ(read({dir.write("c.csv", "id;text\n1;\"x; y\"\n")}), (Texts{"x; y"}));
  EXPECT_EQ(read({dir.write("d.csv", "sep=;\r\nid;text\r\n1;x\r\n")}), (Texts{"x"}));
  EXPECT_EQ(read({dir.write("e.csv", "id, text\n1,x\n")}), (Texts{"x"}));
  EXPECT_EQ(read({dir.write("f.csv", "id\ttext\n1\tx\n")}), (Texts{"x"}));
  expect_parts(error_of([&] { read({dir.write("g.csv", "text,label\nx,1,2\n")}); }), {"3 fields", "2 columns"});
}

TEST(CorpusReader, QuotesAsTheyAreByAFlag) {
  TempDir dir;
  const auto path = dir.write("a.tsv", "id\ttext\n1\t\"half a quote\n2\t\"a\" b\n");
  EXPECT_EQ(read({path}, {.quote_none = true}), (Texts{"\"half a quote", "\"a\" b"}));
  expect_parts(error_of([&] { read({path}); }), {"line 3", "--quote-none"});
  expect_parts(error_of([&] { read({dir.write("b.tsv", "text\n\"x\n")}); }), {"never closed", "--quote-none"});
}

TEST(CorpusReader, CodePagesWithTheRightAdvice) {
  TempDir dir;
  const auto message = [&](std::string_view bytes) { return error_of([&] { read({dir.write("a.txt", bytes)}); }); };
  expect_parts(message("It\x92s a caf\xe9\n"), {"byte 2", "0x92", "iconv -f WINDOWS-1252 -t UTF-8"});
  expect_parts(message("\xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0\n"), {"GB18030", "WINDOWS-1251"});
  for (const char* older : {"caf\x8e na\x95ve\n", "caf\x82 na\x8bve\n", "a l\x8f or two\n"})
    expect_parts(message(older), {"iconv -f MACINTOSH", "IBM850"});
  for (const char* windows : {"yes\x97no\n", "wait\x85what \x93it\x92s\x94 \x80 5\n",
                              "Dvo\xf8\xe1k and \x8ei\x9e"
                              "ek\n"})
    EXPECT_EQ(message(windows).find("MACINTOSH"), std::string::npos) << windows;
  expect_parts(message("caf\u00e9 first\nthen caf\xe9 \n"), {"line 2", "before it is UTF-8", "iconv -c"});
  expect_parts(message(std::string_view("h\0i\0,\0 \0y\0o\0u\0", 14)), {"UTF-16 without", "iconv -f UTF-16LE"});
  expect_parts(message(std::string_view("\0h\0i\0,\0 \0y\0o\0u", 14)), {"iconv -f UTF-16BE"});
  expect_parts(message(std::string_view("\xfe\xff\0h", 4)), {"iconv -f UTF-16 -t UTF-8"});
}

TEST(CorpusReader, FilesThatAreNoText) {
  TempDir dir;
  const auto named = [&](const char* name) { return error_of([&] { read({dir.write(name, "x\n")}); }); };
  expect_parts(named("a.tar.gz"), {"a.tar.gz", "tar xf"});
  expect_parts(named("a.TAR"), {"tar xf"});
  expect_parts(named("a.zip"), {"unzip"});
  expect_parts(named("a.xlsx"), {"spreadsheet", "CSV"});
  expect_parts(named("a.parquet"), {"columnar", "to_json"});
  expect_parts(named("a.txt.xz"), {"xz"});
  const auto content = [&](std::string_view bytes) { return error_of([&] { read({dir.write("b.txt", bytes)}); }); };
  expect_parts(content("PK\x03\x04 and more"), {"b.txt", "spreadsheet"});
  expect_parts(content(std::string("PAR1\x15\0\0", 7)), {"columnar"});
  expect_parts(content(gzip("x\n")), {"gzip", ".gz"});
  std::string tar(1024, '\0');
  tar.replace(0, 5, "a.txt").replace(257, 5, "ustar");
  expect_parts(content(tar), {"tar xf"});
  EXPECT_EQ(read({dir.write("c.txt", "PAR1 is a receptor\nBZh, too\n")}), (Texts{"PAR1 is a receptor", "BZh, too"}));
}

TEST(CorpusReader, LinesAreBounded) {
  TempDir dir;
  std::string text(LineReader::kMaxLine + 1, 'a');
  expect_parts(error_of([&] { read({dir.write("a.txt", text)}); }), {"line 1", "64 MiB"});
  text.back() = '\n';
  EXPECT_EQ(read({dir.write("a.txt", text)}).size(), 1u);
}

TEST(ByteStream, AnySizeOfRead) {
  TempDir dir;
  const std::string same(1 << 20, 'a');
  for (bool checksum : {false, true})
    for (const auto& path :
         {dir.write("a.zst", zstd(same, checksum)), dir.write("a.gz", gzip(same)), dir.write("a", same)})
      for (size_t size : {7, 1000, 300000}) {
        const auto stream = open_byte_stream(path);
        std::string all, piece(size, '\0');
        while (const size_t n = stream->read(piece.data(), piece.size())) all.append(piece, 0, n);
        EXPECT_TRUE(all == same) << path << " in pieces of " << size;
        EXPECT_EQ(stream->file_hash(), hash_file(path));
        EXPECT_EQ(stream->file_bytes(), std::filesystem::file_size(path));
      }
}

TEST(CorpusReader, CountsAndPlaces) {
  TempDir dir;
  const auto a = dir.write("a.txt", "x\ny\n"), b = dir.write("b.csv", "text\n\"1\n2\"\nthree\n");
  CorpusReader reader({a, b}, {});
  std::string text;
  std::vector<std::pair<size_t, int64_t>> places;
  while (reader.next(text)) places.push_back({reader.file(), reader.line()});
  EXPECT_EQ(places, (std::vector<std::pair<size_t, int64_t>>{{0, 1}, {0, 2}, {1, 2}, {1, 4}}));
  EXPECT_EQ(reader.totals()[0].documents, 2);
  EXPECT_EQ(reader.totals()[1].text_bytes, 8);
  EXPECT_EQ(reader.totals()[1].hash, hash_bytes("text\n\"1\n2\"\nthree\n"));
}

TEST(ResolveFiles, GlobsAndOrder) {
  TempDir dir;
  for (const char* name : {"b.txt", "a.txt", "B.txt", "a.jsonl", "odd[1].txt"}) dir.write(name, "x\n");
  EXPECT_EQ(resolve_files({dir.file("a.jsonl"), dir.file("?.txt")}, ""),
            (Texts{dir.file("a.jsonl"), dir.file("B.txt"), dir.file("a.txt"), dir.file("b.txt")}));
  EXPECT_EQ(resolve_files({dir.file("odd[1].txt")}, ""), (Texts{dir.file("odd[1].txt")}));
}

TEST(ResolveFiles, Errors) {
  TempDir dir;
  const auto a = dir.write("a.txt", "x\n");
  dir.write("c.pdf", "x\n");
  const auto message = [&](const Texts& names) { return error_of([&] { read(names); }); };
  expect_parts(message({}), {"no data files"});
  expect_parts(message({dir.file("none.txt")}), {"none.txt", "No such file"});
  expect_parts(message({dir.file("none*.txt")}), {"none*.txt", "no file matches"});
  expect_parts(message({a, dir.file("*.txt")}), {"a.txt", "twice"});
  expect_parts(message({dir.path()}), {dir.path(), "folder"});
  expect_parts(message({dir.file("c.pdf")}), {"c.pdf", "unknown kind", ".jsonl"});
  expect_parts(message({dir.write("e.txt", "")}), {"e.txt", "empty"});
}

TEST(ResolveFiles, PipesAreSpooled) {
  TempDir dir;
  int n = 0;
  const auto through_pipe = [&](const std::string& bytes) {
    const std::string pipe = dir.file("pipe" + std::to_string(n++));
    EXPECT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const std::jthread writer([&] { std::ofstream(pipe, std::ios::binary) << bytes; });
    return resolve_files({pipe}, dir.path()).front();
  };
  const std::string lines = through_pipe("one\ntwo\n");
  EXPECT_TRUE(lines.ends_with(".txt")) << lines;
  EXPECT_EQ(read({lines}), (Texts{"one", "two"}));
  struct stat before {
  }, after{};
  ::stat(lines.c_str(), &before);
  EXPECT_EQ(through_pipe("one\ntwo\n"), lines);
  ::stat(lines.c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino) << "the same input must keep its token cache";
  EXPECT_EQ(read({through_pipe("{\"text\": \"x\"}\n")}), (Texts{"x"}));
  EXPECT_EQ(read({through_pipe(zstd("{\"text\": \"y\"}\n"))}), (Texts{"y"}));
  EXPECT_EQ(read({through_pipe(gzip("z\n"))}), (Texts{"z"}));
  expect_parts(error_of([&] { through_pipe(""); }), {"empty"});
}

}  // namespace
}  // namespace encore

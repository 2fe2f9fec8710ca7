// Files of vectors, arrays of NumPy, and latent semantic analysis.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <Eigen/Dense>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "data/select/near/lsa.h"
#include "data/select/near/nearest_rows.h"
#include "data/select/near/vector_file.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

namespace fs = std::filesystem;

std::string fresh_path(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  fs::remove(path);
  fs::remove(path + ".part");
  return path;
}

constexpr int64_t kRows = 10, kColumns = 3;

// Row r is (r, r + 0.5, -r), in blocks of 4 rows. calls: the first rows that were asked for.
VectorFileOptions numbered(const std::string& path, std::vector<int64_t>& calls) {
  return {.path = path,
          .fingerprint = 7,
          .rows = kRows,
          .columns = kColumns,
          .make = [&calls](int64_t first, std::vector<float>& block) {
            calls.push_back(first);
            block.clear();
            for (int64_t r = first; r < std::min(first + 4, kRows); ++r)
              block.insert(block.end(), {float(r), float(r) + 0.5f, -float(r)});
          }};
}

void expect_numbered(const VectorFile& file) {
  const VectorSearch::Vectors rows = file.rows();
  ASSERT_EQ(rows.rows, kRows);
  ASSERT_EQ(rows.columns, kColumns);
  for (int64_t r = 0; r < kRows; ++r) {
    EXPECT_EQ(rows.data[r * kColumns], float(r));
    EXPECT_EQ(rows.data[r * kColumns + 1], float(r) + 0.5f);
    EXPECT_EQ(rows.data[r * kColumns + 2], -float(r));
  }
}

TEST(VectorFile, MadeOnceAndUsedAgain) {
  const std::string path = fresh_path("vectors");
  std::vector<int64_t> calls;
  const VectorFile made(numbered(path, calls));
  EXPECT_EQ(calls, (std::vector<int64_t>{0, 4, 8}));
  EXPECT_FALSE(made.reused());
  EXPECT_FALSE(fs::exists(path + ".part"));
  expect_numbered(made);
  const VectorFile again(numbered(path, calls));
  EXPECT_EQ(calls.size(), 3u);
  EXPECT_TRUE(again.reused());
  expect_numbered(again);
}

TEST(VectorFile, GoesOnAfterKill) {
  const std::string path = fresh_path("killed");
  std::vector<int64_t> calls;
  const pid_t child = fork();
  if (child == 0) {
    VectorFileOptions options = numbered(path, calls);
    options.make = [make = options.make](int64_t first, std::vector<float>& block) {
      if (first == 8) kill(getpid(), SIGKILL);
      make(first, block);
    };
    const VectorFile file(options);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  // What a write that was torn leaves behind the rows that count.
  std::ofstream(path + ".part", std::ios::app | std::ios::binary) << "torn";
  const VectorFile file(numbered(path, calls));
  EXPECT_EQ(calls, (std::vector<int64_t>{8}));
  EXPECT_NE(file.history().find("goes on after 8 of 10 rows"), std::string::npos) << file.history();
  expect_numbered(file);
}

TEST(VectorFile, StoppedByException) {
  const std::string path = fresh_path("stopped");
  std::vector<int64_t> calls;
  VectorFileOptions options = numbered(path, calls);
  options.progress = [](int64_t done) { check(done < 4, "stopped"); };
  EXPECT_THROW(VectorFile file(options), Error);
  EXPECT_FALSE(fs::exists(path));
  const VectorFile file(numbered(path, calls));
  EXPECT_EQ(calls, (std::vector<int64_t>{0, 4, 8}));
  expect_numbered(file);
}

TEST(VectorFile, ChangedOrDamagedIsMadeAnew) {
  const std::string path = fresh_path("changed");
  std::vector<int64_t> calls;
  { const VectorFile file(numbered(path, calls)); }
  VectorFileOptions other = numbered(path, calls);
  other.fingerprint = 8;
  const VectorFile changed(other);
  EXPECT_NE(changed.history().find("made anew"), std::string::npos);
  EXPECT_EQ(calls.size(), 6u);
  // A flipped bit in a row.
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(64 + 5);
    file.put(char(0x55));
  }
  const VectorFile repaired(other);
  EXPECT_NE(repaired.history().find("made anew"), std::string::npos);
  EXPECT_EQ(calls.size(), 9u);
  expect_numbered(repaired);
  // A part of other vectors does not count.
  fs::rename(path, path + ".part");
  const VectorFile first(numbered(path, calls));
  EXPECT_EQ(calls.size(), 12u);
  expect_numbered(first);
}

std::string npy(const std::string& dict, const std::string& data) {
  std::string header(dict);
  header.append((64 - (10 + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + char(header.size() & 0xff) + char(header.size() >> 8) + header + data;
}

std::string refusal(const std::string& content) {
  const std::string path = testing::TempDir() + "/refused.npy";
  std::ofstream(path, std::ios::binary) << content;
  try {
    const NpyRows rows(path);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(NpyRows, ReadsFloat32AndRefusesOthers) {
  const float numbers[6] = {1, 2, 3, 4, 5, 6};
  const std::string data(reinterpret_cast<const char*>(numbers), sizeof numbers);
  const std::string path = testing::TempDir() + "/rows.npy";
  std::ofstream(path, std::ios::binary) << npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", data);
  const NpyRows rows(path);
  EXPECT_EQ(rows.rows().rows, 2);
  EXPECT_EQ(rows.rows().columns, 3);
  EXPECT_EQ(rows.rows().data[5], 6);
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  EXPECT_NE(refusal("text"), "");
  EXPECT_NE(refusal(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", data + data)).find("'<f8'"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", data)).find("Fortran"),
            std::string::npos);
  for (const std::string shape :
       {"(6,)", "(1, 2, 3)", "(2, 4)", "(0, 3)", "(2, 0)", "(-2, -3)", "(99999999999999999, 99999999999)"})
    EXPECT_NE(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", data)), "") << shape;
  EXPECT_NE(refusal(npy(good, data.substr(1))), "");
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'shape': (2, 3), }", data)), "");
  EXPECT_NE(refusal(npy(good, data).substr(0, 40)), "");
  EXPECT_NE(refusal(npy("{", data)), "");
}

TEST(CheckFinite, NamesTheRow) {
  std::vector<float> rows = {1, 2, 3, 4};
  rows[3] = std::numeric_limits<float>::quiet_NaN();
  try {
    check_finite({.data = rows.data(), .rows = 2, .columns = 2}, "x.npy");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "x.npy: row 1, column 1 is nan: every number must be finite");
  }
}

// A sparse matrix whose singular values fall, as those of text do.
SparseRows falling_matrix(int64_t rows, int32_t columns) {
  std::mt19937 engine(3);
  SparseRows out;
  out.columns = columns;
  for (int64_t r = 0; r < rows; ++r) {
    for (int32_t c = 1; c < columns; ++c)
      if (engine() % uint32_t(c + 2) == 0) {
        out.column.push_back(c);
        out.value.push_back(float(1 + engine() % 5) / float(c));
      }
    out.row_start.push_back(out.values());
  }
  return out;
}

TEST(Lsa, AgreesWithTheWholeDecomposition) {
  constexpr int64_t kTexts = 200, kDimensions = 6;
  const SparseRows rows = falling_matrix(kTexts, 60);
  Eigen::MatrixXd dense = Eigen::MatrixXd::Zero(kTexts, 60);
  for (int64_t r = 0; r < kTexts; ++r)
    for (int64_t i = rows.row_start[size_t(r)]; i < rows.row_start[size_t(r) + 1]; ++i)
      dense(r, rows.column[size_t(i)]) = rows.value[size_t(i)];
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(dense, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const Lsa lsa = Lsa::fit(rows, {.dimensions = kDimensions, .iterations = 12, .threads = 2});
  ASSERT_EQ(lsa.dimensions(), kDimensions);
  for (int64_t d = 0; d < kDimensions; ++d)
    EXPECT_NEAR(lsa.singular_values()[size_t(d)], svd.singularValues()(d), 1e-6 * svd.singularValues()(0));
  // U S up to signs.
  std::vector<float> vectors(size_t(kTexts * kDimensions));
  for (int64_t r = 0; r < kTexts; ++r) lsa.embed(rows, r, vectors.data() + r * kDimensions);
  const Eigen::MatrixXd expected =
      svd.matrixU().leftCols(kDimensions) * svd.singularValues().head(kDimensions).asDiagonal();
  for (int64_t d = 0; d < kDimensions; ++d) {
    double same = 0, squares = 0;
    for (int64_t r = 0; r < kTexts; ++r) {
      same += expected(r, d) * double(vectors[size_t(r * kDimensions + d)]);
      squares += expected(r, d) * expected(r, d);
    }
    EXPECT_NEAR(std::abs(same) / squares, 1, 1e-4) << d;
  }
  // The same for any number of threads.
  EXPECT_EQ(Lsa::fit(rows, {.dimensions = 6, .threads = 1}).fingerprint(),
            Lsa::fit(rows, {.dimensions = 6, .threads = 2}).fingerprint());
}

TEST(Lsa, SmallMatrices) {
  SparseRows rows;
  rows.columns = 4;
  rows.column = {1, 1, 2};
  rows.value = {1, 2, 3};
  rows.row_start = {0, 1, 2, 2, 3};
  const Lsa lsa = Lsa::fit(rows, {.dimensions = 81});
  EXPECT_EQ(lsa.dimensions(), 2);
  EXPECT_NEAR(lsa.singular_values()[0], 3, 1e-6);
  EXPECT_NEAR(lsa.singular_values()[1], std::sqrt(5.0), 1e-6);
  float out[2] = {9, 9};
  lsa.embed(rows, 2, out);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[1], 0);
  SparseRows empty;
  empty.columns = 3;
  empty.row_start = {0, 0};
  EXPECT_THROW(Lsa::fit(empty, {}), Error);
}

}  // namespace
}  // namespace encore

#include "train/saved_model.h"

#include <filesystem>

#include "kernels/base/atomic_folder.h"
#include "kernels/base/check.h"
#include "model/checkpoint.h"
#include "model/checksums.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

// Gives the new folder what the old one holds beside a model's files: somebody put it there.
void keep_other_files(const std::string& before, const std::string& now) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(before, error)) {
    const fs::path target = fs::path(now) / entry.path().filename();
    if (fs::exists(fs::symlink_status(target, error))) continue;
    constexpr auto kHow = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
    fs::copy(entry.path(), target, kHow | fs::copy_options::create_hard_links, error);
    if (!error) continue;
    fs::remove_all(target, error);
    fs::copy(entry.path(), target, kHow, error);
    if (error) fail_io("{}: cannot be kept: {}", entry.path().string(), error.message());
  }
}

}  // namespace

void save_model_folder(const std::string& path, const Model& model, const Tokenizer& tokenizer, DType dtype) {
  AtomicFolder folder(path);
  save_model(folder.temporary_path(), model, dtype);
  tokenizer.save(folder.temporary_path(), int(model.config().max_length()));
  write_checksums(folder.temporary_path());
  keep_other_files(path, folder.temporary_path());
  folder.commit();
}

}  // namespace encore

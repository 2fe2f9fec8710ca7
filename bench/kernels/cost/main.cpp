// Counts the traffic and operations of the CUDA kernels on the host executor: one JSON object on standard output.
//   kernel_cost [--fast]     --fast: the subset that scripts/cost_sheet.sh --check compares
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "bench/kernels/cost/workload.h"

namespace encore::cost {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Case> all_cases() {
  const Model base{"base", 768, 3072, 12, 12}, large{"large", 1024, 4096, 16, 24};
  std::vector<Case> all;
  const auto add = [&](std::vector<Case> more) { all.insert(all.end(), more.begin(), more.end()); };
  for (const Model& m : {base, large}) {
    for (const int64_t length : {512, 128}) {
      const bool fast = m.name == "base" && length == 128;
      add(attention_cases(m, length, fast));
      add(row_cases(m, length, fast));
    }
    if (m.name == "base") add(loss_cases(m, false));  // the vocabulary is the same
    add(flat_cases(m, false));
  }
  add(head_size_cases());
  add(bag_cases());
  return all;
}

Json counts(const simt::Stats& s) {
  return Json::parse(simt::to_json(s));
}

// Extrapolates to the full shape along the line through the values of two runs.
double at_full_shape(const Case& c, double first, double second) {
  if (c.run[0] == c.run[1]) return first * c.widths;
  return c.widths * (first + (second - first) * (c.rows - double(c.run[0])) / double(c.run[1] - c.run[0]));
}

Json kernel_line(const Case& c, const simt::KernelStats& first, const simt::KernelStats& second) {
  Json line;
  line["kernel"] = first.kernel;
  line["threads"] = first.threads;
  line["dynamic_shared"] = first.dynamic_shared;
  const Json a = counts(first.stats), b = counts(second.stats);
  for (const auto& [name, value] : a.items()) {
    const double full = at_full_shape(c, value, b[name]);
    if (full != 0 && name != "switches") line[name] = int64_t(full + 0.5);
  }
  return line;
}

Json count(const Case& c) {
  Workload first, second;
  c.body(first, c.run[0]);
  c.body(second, c.run[1]);
  check(first.kernels().size() == second.kernels().size(), "{}: the two runs launch different kernels", c.op);
  Json line{{"op", c.op}, {"variant", c.variant}, {"model", c.model}, {"length", c.length}, {"fast", c.fast}};
  line["rows"] = int64_t(c.rows);
  line["rows_run"] = c.run;
  line["contract_bytes"] =
      int64_t(at_full_shape(c, double(first.contract_bytes()), double(second.contract_bytes())) + 0.5);
  line["memset_bytes"] = int64_t(at_full_shape(c, double(first.memset_bytes()), double(second.memset_bytes())) + 0.5);
  line["flops"] = c.flops;
  for (size_t i = 0; i < first.kernels().size(); ++i)
    line["kernels"].push_back(kernel_line(c, first.kernels()[i], second.kernels()[i]));
  return line;
}

}  // namespace
}  // namespace encore::cost

int main(int argc, char** argv) try {
  const bool fast = argc == 2 && std::strcmp(argv[1], "--fast") == 0;
  if (argc > 1 && !fast) {
    std::fprintf(stderr, "kernel_cost: unknown argument '%s': usage: kernel_cost [--fast]\n", argv[1]);
    return 2;
  }
  simt::options().traffic = true;
  nlohmann::ordered_json all;
  for (const encore::cost::Case& c : encore::cost::all_cases())
    if (!fast || c.fast) all.push_back(encore::cost::count(c));
  std::printf("%s\n", all.dump(1).c_str());
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "kernel_cost: %s\n", e.what());
  return 1;
}

#include <src/asan.h>
#include <src/block.h>

#include <algorithm>
#include <cstring>
#include <device/bulk_copy.cuh>
#include <device/tma.cuh>

namespace simt {

void land_bytes(Block&, const TmaInFlight&);

namespace {

// The tensor's element for element (column, row) of the box, or null outside the tensor.
const char* source_of(const TmaInFlight& op, uint32_t column, uint32_t row) {
  const int64_t x = int64_t(op.column) + column, y = int64_t(op.row) + row;
  if (x < 0 || y < 0 || uint64_t(x) >= op.map.columns || uint64_t(y) >= op.map.rows) return nullptr;
  return static_cast<const char*>(op.map.base) + uint64_t(y) * op.map.row_bytes + uint64_t(x) * 2;
}

// The part of a box row that lies inside the tensor.
std::pair<const char*, size_t> row_inside(const TmaInFlight& op, uint32_t row) {
  const int64_t first = std::max<int64_t>(0, -int64_t(op.column));
  const int64_t last = std::min<int64_t>(op.map.box_columns, int64_t(op.map.columns) - op.column);
  if (first >= last) return {nullptr, 0};
  return {source_of(op, uint32_t(first), row), source_of(op, uint32_t(first), row) ? size_t(last - first) * 2 : 0};
}

void begin(Block& b, TmaInFlight& op) {
  op.thread = b.current->actor;
  if (b.race) op.epoch = b.race->issue(op.thread, kBulkEngine);
  ++b.stats.tma;
}

void read(Block& b, const TmaInFlight& op, const void* from, size_t bytes) {
  b.stats.async_global_bytes += bytes;
  b.stats.global_load_bytes += bytes;
  if (b.race && bytes) b.race->engine_access(op.thread, kBulkEngine, op.epoch, from, bytes, false, site_of(op.loc));
  if (!b.traffic) return;
  for (size_t i = 0; i < bytes; i += 16) {  // as if a warp moved 16 bytes a lane
    const auto source = reinterpret_cast<uintptr_t>(from) + i;
    b.traffic->note(b.current->warp->index, unsigned(i / 16 % 32), false, false, source, 16, site_of(op.loc));
  }
}

// Fills the destination with poison until the copy lands.
void write(Block& b, const TmaInFlight& op) {
  if (b.race) b.race->engine_access(op.thread, kBulkEngine, op.epoch, op.to, op.bytes, true, site_of(op.loc));
  if (b.options.poison) poison_fill(op.to, op.bytes);
  b.tma.push_back(op);
}

void land_box(const TmaInFlight& op, unsigned char* dynamic) {
  const uint32_t pitch = op.map.box_columns * 2, start = uint32_t(op.to - dynamic);
  for (uint32_t r = 0; r < op.map.box_rows; ++r) {
    for (uint32_t c = 0; c < op.map.box_columns; ++c) {
      uint16_t value = 0;
      if (const char* from = source_of(op, c, r)) std::memcpy(&value, from, 2);
      uint32_t offset = start + r * pitch + c * 2;
      offset ^= (offset >> 7 & 7) << 4;
      std::memcpy(dynamic + offset, &value, 2);
    }
  }
}

}  // namespace

bool make_tensor_map(ptx::TensorMap* map, const void* base, uint64_t columns, uint64_t rows, uint64_t row_bytes,
                     uint32_t box_columns, uint32_t box_rows) {
  const bool good = reinterpret_cast<uintptr_t>(base) % 16 == 0 && row_bytes % 16 == 0 && columns && rows &&
                    row_bytes >= columns * 2 && box_columns && box_columns <= 64 && box_columns % 8 == 0 && box_rows &&
                    box_rows <= 256;
  if (good) *map = ptx::TensorMap{base, columns, rows, row_bytes, box_columns, box_rows, {}};
  return good;
}

void tma_load_2d(void* destination, const ptx::TensorMap& map, int column, int row, uint64_t* barrier, Loc at) {
  Block& b = *current_block;
  if (b.options.arch < 90) fail(at, "TMA needs sm_90");
  const uint32_t address = shared_address(destination, at), bytes = map.box_columns * map.box_rows * 2;
  shared_address(barrier, at);
  // Hardware asks for 128 bytes; the swizzle then no longer starts at row 0 of the tile.
  if (address % 1024) fail(at, "TMA with 128-byte swizzle: the tile at %#x is not 1024-byte aligned", address);
  TmaInFlight op{map, column, row, nullptr, b.shared_at(address, bytes, at), bytes, barrier, 0, 0, at};
  begin(b, op);
  for (uint32_t r = 0; r < map.box_rows; ++r) {
    const auto [from, length] = row_inside(op, r);
    read(b, op, from, length);
  }
  write(b, op);
}

void bulk_load(void* destination, const void* source, uint32_t bytes, uint64_t* barrier, Loc at) {
  Block& b = *current_block;
  if (b.options.arch < 90) fail(at, "bulk copies need sm_90");
  const uint32_t address = shared_address(destination, at);
  shared_address(barrier, at);
  if (address % 16 || reinterpret_cast<uintptr_t>(source) % 16 || bytes % 16 || !bytes)
    fail(at, "a bulk copy of %u bytes from %p to %#x: all three are multiples of 16", bytes, source, address);
  if (const void* bad = asan_forbidden(source, bytes))
    fail(at, "a bulk copy reads %u bytes at %p; the byte at %p is outside every allocation", bytes, source, bad);
  const auto* from = static_cast<const unsigned char*>(source);
  TmaInFlight op{{}, 0, 0, from, b.shared_at(address, bytes, at), bytes, barrier, 0, 0, at};
  begin(b, op);
  read(b, op, source, bytes);
  write(b, op);
}

void Block::land_tma(size_t i) {
  const TmaInFlight op = tma[i];
  tma.erase(tma.begin() + long(i));
  if (op.from)
    std::memcpy(op.to, op.from, op.bytes);
  else
    land_box(op, dynamic);
  land_bytes(*this, op);
}

}  // namespace simt

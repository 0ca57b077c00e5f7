#include "engine/serialize.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "formats/error.h"
#include "formats/xxh64.h"

namespace stateline::engine {
namespace {

static_assert(std::endian::native == std::endian::little,
              "states are stored as they lie in memory");

constexpr char kMagic[8] = {'S', 'L', 'S', 'T', 'A', 'T', 'E', '2'};
constexpr std::size_t kChecksumBytes = sizeof(std::uint64_t);
constexpr std::uint64_t kMaxTokens = std::uint64_t{1}
                                     << 53;  // JavaScript counts exactly up to here

struct Header {
  char magic[8];
  std::uint64_t model[2];
  std::uint64_t state_heads, window, tokens;
};
static_assert(sizeof(Header) == 6 * sizeof(std::uint64_t));

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidState,
              "The stored state " + what + "; delete it, and the text is read anew.");
}

// The layers' slots of a page one after another, in the layout of kernels/attention.h: body(slots,
// bytes of one, the layer's memory) for each layer that has some.
template <typename Body>
void for_slots(const models::MemoryLayout& layout, const Body& body) {
  for (std::size_t i = 0; i < layout.layers().size(); ++i) {
    const models::CacheMemory& cache = layout.layers()[i].cache;
    if (cache.heads > 0) body(layout.slots_at(i), kernels::slot_bytes(cache.K, cache.V), cache);
  }
}

std::size_t stored_page_bytes(const models::MemoryLayout& layout) {
  std::size_t bytes = 0;
  for_slots(layout, [&](std::size_t, std::size_t slot_bytes, const models::CacheMemory& cache) {
    bytes += cache.heads * slot_bytes;
  });
  return bytes;
}

// A state's last page may hold later tokens of the text that it was read from: they are not stored.
void clear_unread(std::span<std::byte> page, const State& state) {
  const std::size_t read = state.token_count() % kernels::kPageTokens;
  if (read == 0 || page.empty()) return;
  std::byte* slot = page.data();
  for_slots(*state.shape().layout,
            [&](std::size_t, std::size_t slot_bytes, const models::CacheMemory& cache) {
              for (std::size_t i = 0; i < cache.heads; ++i, slot += slot_bytes)
                kernels::clear_slot(slot, read, cache.K, cache.V);
            });
}

// The matrices after the logged tokens, too.
std::shared_ptr<Buffer> folded(const State& state) {
  const Memory& memory = state.memory();
  const models::MemoryLayout& layout = *state.shape().layout;
  if (memory.log.tokens() == 0) return memory.recurrent;
  auto matrices = std::make_shared<Buffer>(memory.recurrent->size(), state.device());
  for (std::size_t i = 0; i < layout.layers().size(); ++i) {
    const models::RecurrentMemory& shape = layout.layers()[i].recurrent;
    if (shape.heads == 0) continue;
    state.device()->fold({.heads = shape.heads,
                          .key_heads = shape.key_heads,
                          .K = shape.K,
                          .V = shape.V,
                          .base = memory.recurrent->floats() + layout.recurrent_at(i),
                          .log = memory.log.page()->data() + layout.log_at(i),
                          .logged = memory.log.tokens(),
                          .next_base = matrices->floats() + layout.recurrent_at(i)});
  }
  return matrices;
}

Header header_of(const State& state) {
  const StateShape& shape = state.shape();
  Header header{{},
                {state.model()[0], state.model()[1]},
                shape.state_heads,
                shape.window,
                state.token_count()};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  return header;
}

// Checks the header against the model; the shape it then describes is one that this model can have.
StateShape read_shape(const Model& model, const Header& header) {
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    refuse("is not one, or of another version");
  if (header.model[0] != model.hash()[0] || header.model[1] != model.hash()[1])
    refuse("belongs to another model");
  if (header.state_heads > model.plan().heads) refuse("has more heads than the model");
  if (header.tokens > kMaxTokens || header.window > kMaxTokens)
    refuse("has another shape than the model");
  return StateShape::of(model, static_cast<std::size_t>(header.state_heads), header.window);
}

}  // namespace

std::vector<std::byte> serialize(const State& state) {
  const Memory& memory = state.memory();
  const Header header = header_of(state);
  const StateShape& shape = state.shape();
  const models::MemoryLayout& layout = *shape.layout;
  const std::size_t page_bytes = stored_page_bytes(layout);
  const std::shared_ptr<Buffer> matrices = folded(state);
  std::vector<std::byte> out(sizeof header + matrices->size() + memory.conv.size() +
                             memory.hidden.size() + memory.pages.size() * page_bytes +
                             kChecksumBytes);
  std::memcpy(out.data(), &header, sizeof header);
  std::span<std::byte> rest = std::span(out).subspan(sizeof header);
  const auto next = [&rest](std::size_t bytes) {
    const std::span<std::byte> part = rest.first(bytes);
    rest = rest.subspan(bytes);
    return part;
  };
  for (const Buffer* buffer :
       std::initializer_list<const Buffer*>{matrices.get(), &memory.conv, &memory.hidden})
    buffer->read(next(buffer->size()));
  std::span<std::byte> stored;
  for (const std::shared_ptr<KvPage>& page : memory.pages) {
    stored = rest.first(page_bytes);
    for_slots(layout, [&](std::size_t at, std::size_t bytes, const models::CacheMemory& cache) {
      state.device()->read_slots(next(cache.heads * bytes), page->data() + at, cache.K, cache.V);
    });
  }
  clear_unread(stored, state);
  const std::uint64_t checksum = formats::xxh64(std::span(out).first(out.size() - kChecksumBytes));
  std::memcpy(rest.data(), &checksum, sizeof checksum);
  return out;
}

std::shared_ptr<const State> restore(const Model& model, std::span<const std::byte> bytes) {
  Header header;
  if (bytes.size() < sizeof header + kChecksumBytes) refuse("is cut off");
  std::memcpy(&header, bytes.data(), sizeof header);
  const StateShape shape = read_shape(model, header);

  std::span<const std::byte> payload = bytes.subspan(sizeof header);
  payload = payload.first(payload.size() - kChecksumBytes);
  const std::size_t fixed =
      shape.recurrent_bytes() + shape.conv_bytes() + shape.hidden_size * sizeof(float);
  const models::MemoryLayout& layout = *shape.layout;
  const std::size_t page_bytes = stored_page_bytes(layout);
  const std::uint64_t pages = shape.page_count(header.tokens);
  const bool whole =
      payload.size() >= fixed && (pages == 0 ? payload.size() == fixed
                                             : (payload.size() - fixed) % page_bytes == 0 &&
                                                   (payload.size() - fixed) / page_bytes == pages);
  if (!whole) refuse("is cut off or too long");
  std::uint64_t checksum;
  std::memcpy(&checksum, bytes.data() + bytes.size() - kChecksumBytes, sizeof checksum);
  if (checksum != formats::xxh64(bytes.first(bytes.size() - kChecksumBytes))) refuse("is corrupt");

  Memory memory = Memory::zero(shape, model.device());
  const auto next = [&payload](std::size_t size) {
    const std::span<const std::byte> part = payload.first(size);
    payload = payload.subspan(size);
    return part;
  };
  for (Buffer* buffer :
       std::initializer_list<Buffer*>{memory.recurrent.get(), &memory.conv, &memory.hidden})
    buffer->write(next(buffer->size()));
  for (std::uint64_t i = 0; i < pages; ++i) {
    memory.pages.push_back(std::make_shared<KvPage>(shape.page_bytes(), model.device()));
    std::byte* page = memory.pages.back()->data();
    for_slots(layout, [&](std::size_t at, std::size_t bytes, const models::CacheMemory& cache) {
      model.device()->write_slots(page + at, next(cache.heads * bytes), cache.K, cache.V);
    });
  }
  memory.tokens = header.tokens;
  return std::make_shared<const State>(model, shape, std::move(memory));
}

}  // namespace stateline::engine

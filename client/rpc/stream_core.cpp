#include "stream_core.hpp"

#include <nuncio/protocol/writer.hpp>

#include <boost/asio/error.hpp>

#include <utility>

namespace nuncio::rpc {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using protocol::rpc_line_state;

// One answer is all that comes.
bool gets_one(const stream_machine::settings& set) noexcept {
  return set.is_caller() && set.kind == rpc_frame::client;
}

}  // namespace

stream_core::stream_core(std::shared_ptr<client::driver> by,
                         stream_machine::settings set,
                         const stream_options& options,
                         content_type type,
                         time now)
    : driver_(std::move(by)),
      runtime_(runtime::of(*driver_)),
      wanted_bytes_(gets_one(set)      ? 1
                    : set.gets_items() ? std::max<std::uint64_t>(options.window.bytes, 1)
                                       : 0),
      granted_bytes_(runtime_.windows().take(wanted_bytes_)),
      machine_(complete(set, options, granted_bytes_), *this, now),
      type_in_(type),
      type_out_(type) {}

stream_core::~stream_core() {
  runtime_.windows().give_back(granted_bytes_);
}

stream_machine::settings stream_core::complete(stream_machine::settings set,
                                               const stream_options& options,
                                               std::uint64_t bytes) {
  set.window = {.frames = std::max<std::uint64_t>(options.window.items, 1), .bytes = bytes};
  set.max_unanswered = options.max_unanswered;
  return set;
}

// --- what comes

std::optional<stream_core::time> stream_core::on_message(const message_view& m, time now) {
  const auto kept = shared_from_this();
  handle(m, now);
  return machine_.is_over() ? std::nullopt : std::optional(machine_.next_time());
}

void stream_core::handle(const message_view& m, time now) {
  if (m.header_block.empty()) return machine_.on_bare(m.payload, now);
  if (client::is_no_responders(m)) return machine_.on_no_responders();
  rpc_line line;
  const auto state = read_rpc_line(m.header_block, line);
  if (state == rpc_line_state::malformed) return machine_.on_malformed();
  if (line.frame == rpc_frame::ack || line.frame == rpc_frame::ping) {
    return machine_.on_frame(line, m.payload, now);
  }
  if (line.frame == rpc_frame::accept && !take_control(m)) return;
  const auto said = read(m);
  if (!said.is_whole) return machine_.on_malformed();
  if (auto failure = protocol::read_rpc_failure(said.headers)) {
    if (!failure->details_type.empty()) failure->details = m.payload;
    trailers_ = metadata(said.headers);
    return machine_.on_failure(line, *std::move(failure), now);
  }
  if (const auto named = said.headers.find("Content-Type")) {
    const auto known = parse_content_type(*named);
    if (!known) {
      return machine_.give_up(
          {code::internal, "the items are of an unknown type, " + std::string(*named)});
    }
    type_in_ = *known;
  }
  if (line.frame == rpc_frame::accept) headers_ = metadata(said.headers);
  if (line.frame == rpc_frame::end) trailers_ = metadata(said.headers);
  machine_.on_frame(line, m.payload, now);
}

std::optional<stream_core::time> stream_core::on_time(time now) {
  const auto kept = shared_from_this();
  machine_.on_time(now);
  items_.shrink();
  return machine_.is_over() ? std::nullopt : std::optional(machine_.next_time());
}

void stream_core::on_failure(error_code why) {
  const auto kept = shared_from_this();
  auto how = status_of(why, *driver_);
  how.surely_not_run = how.surely_not_run && machine_.is_opening();
  machine_.lose(std::move(how));
}

void stream_core::on_lost(std::string& farewell) {
  const auto kept = shared_from_this();
  const status why(code::unavailable, "the connection to the broker was lost", "disconnected");
  auto block = this->farewell(why);
  protocol::append_hpub(farewell, peer(), {}, block.finish(), {});
  machine_.lose(why);
}

void stream_core::on_forbidden(std::string_view subject) {
  if (subject != peer()) return;
  const auto kept = shared_from_this();
  machine_.lose({code::permission_denied, "the server forbids to publish to " + peer()});
}

// --- what the machine asks for

void stream_core::send(const rpc_line& line) {
  protocol::rpc_block block(line);
  [[maybe_unused]] const auto lost = put(block.finish(), {}, reply_of(line.frame));
}

void stream_core::deliver(std::string_view item) {
  items_.push(item);
  wake_user();
}

void stream_core::on_over(status how, bool keeps_items) {
  if (!how.is_ok()) failure_ = std::make_unique<const status>(std::move(how));
  if (!keeps_items) items_.clear();
  runtime_.windows().give_back(std::exchange(granted_bytes_, 0));
  if (bound_call::is_linked()) bound_call::unlink();
  // By way of the executor's queue, which lets go of them if nobody runs it any more: what waits
  // here is a coroutine that holds this.
  for (auto* const place : {&reading_, &writing_}) {
    if (!*place) continue;
    auto done = std::move((*place)->done);
    place->reset();
    done.post(driver_->get_executor(), {});
  }
  on_ended(ended());
}

std::uint64_t stream_core::window_bytes(std::uint64_t) {
  granted_bytes_ += runtime_.windows().take(wanted_bytes_, granted_bytes_);
  return granted_bytes_;
}

// --- what users ask for

stream_core::news stream_core::look() const noexcept {
  if (!items_.empty()) return news::item;
  if (machine_.is_over()) return failure_ ? news::failure : news::end;
  return machine_.is_peer_closed() ? news::end : news::none;
}

const status& stream_core::ended() const noexcept {
  static const status well;
  return failure_ ? *failure_ : well;
}

void stream_core::pop() {
  const auto size = items_.front().size();
  items_.pop();
  machine_.take(size);
}

stream_core::sent stream_core::send(std::string_view payload, content_type type) {
  refused_ = {};
  if (machine_.is_over() || machine_.is_closed()) return sent::refused;
  if (!can_write()) return sent::full;
  const auto line = machine_.line_for(payload.size());
  // Otherwise it is what the opening said.
  const bool names_type = machine_.sent().frames == 0 && type != type_out_;
  if (line || names_type) {
    auto block = line ? protocol::rpc_block(*line) : protocol::rpc_block();
    if (names_type) block.add("Content-Type", to_string(type));
    refused_ = put(block.finish(), payload);
  } else {
    refused_ = put({}, payload);
  }
  if (refused_) return sent::refused;
  machine_.note_sent(payload.size(), line.has_value(), driver_->about_now());
  return sent::done;
}

status stream_core::why_refused() const {
  if (refused_) {
    auto out = status_of(refused_, *driver_);
    out.surely_not_run = false;
    return out;
  }
  if (failure_) return *failure_;
  return {code::failed_precondition, machine_.is_over() ? "the other end has ended the stream"
                                                        : "the stream was closed for writing"};
}

error_code stream_core::put(std::string_view header_block,
                            std::string_view payload,
                            std::string_view reply) {
  const message_view m{
      .subject = peer(), .reply = reply, .header_block = header_block, .payload = payload};
  if (queued_ == 0) {
    constexpr auto is = client::driver::lasting::no;
    const auto error = is_peer_checked_ ? driver_->publish_again(m, is) : driver_->publish(m, is);
    is_peer_checked_ = is_peer_checked_ || !error;
    if (error != client::errc::buffer_full) return error;
  }
  ++queued_;
  const auto on_sent = [self = shared_from_this()](error_code error) {
    --self->queued_;
    if (error == client::errc::buffer_full) {
      return self->machine_.give_up(status_of(error, *self->driver_));
    }
    self->wake_user();
  };
  driver_->publish_later(client::message(m),
                         {client::connection::handler(on_sent), driver_->get_executor()},
                         client::driver::lasting::no);
  return {};
}

void stream_core::close() {
  machine_.close();
  wake_user();
}

void stream_core::wait_readable(detail::stream_end::handler done) {
  wait(reading_, look() != news::none, std::move(done));
}

void stream_core::wait_writable(detail::stream_end::handler done) {
  wait(writing_, is_write_decided(), std::move(done));
}

void stream_core::wait(std::optional<waiting>& place,
                       bool is_decided,
                       detail::stream_end::handler done) {
  client::pending<error_code> operation(std::move(done), driver_->get_executor());
  if (place) return operation.post(driver_->get_executor(), asio::error::already_started);
  if (is_decided) return operation.post(driver_->get_executor(), {});
  const auto number = ++operations_;
  driver_->on_cancel(operation.slot(), [weak = weak_from_this(), &place, number] {
    const auto self = weak.lock();
    if (self && place && place->number == number) {
      complete(place, asio::error::operation_aborted);
    }
  });
  place.emplace(waiting{std::move(operation), number});
}

void stream_core::complete(std::optional<waiting>& place, error_code error) {
  if (!place) return;
  auto done = std::move(place->done);
  place.reset();
  done.complete(error);
}

void stream_core::wake() {
  const auto kept = shared_from_this();
  if (reading_ && look() != news::none) complete(reading_, {});
  if (writing_ && is_write_decided()) complete(writing_, {});
}

}  // namespace nuncio::rpc

// --- what users hold

namespace nuncio::rpc::detail {

stream_end::stream_end(std::shared_ptr<stream_core> core, bool ends_with_this)
    : core_(std::move(core)), ends_with_this_(ends_with_this) {}

stream_end::~stream_end() {
  if (ends_with_this_) core_->cancel();
}

stream_end::news stream_end::look() const noexcept {
  return core_->look();
}
std::string_view stream_end::item() const noexcept {
  return core_->item();
}
content_type stream_end::item_type() const noexcept {
  return core_->item_type();
}
void stream_end::pop() {
  core_->pop();
}
status stream_end::refuse(const status& why) {
  return core_->refuse(why);
}
status stream_end::failure() const {
  return core_->ended();
}
const metadata& stream_end::headers() const noexcept {
  return core_->first_headers();
}
const metadata& stream_end::trailers() const noexcept {
  return core_->trailers();
}
bool stream_end::is_draining() const noexcept {
  return core_->is_draining();
}
stream_end::sent stream_end::send(std::string_view payload, content_type type) {
  return core_->send(payload, type);
}
content_type stream_end::wanted_type() const noexcept {
  return core_->type_out();
}
status stream_end::why_refused() const {
  return core_->why_refused();
}
std::string& stream_end::scratch() noexcept {
  return core_->runs_on().scratch();
}
void stream_end::close() {
  core_->close();
}
void stream_end::cancel() {
  core_->cancel();
}
void stream_end::wait_readable(handler done) {
  core_->wait_readable(std::move(done));
}
void stream_end::wait_writable(handler done) {
  core_->wait_writable(std::move(done));
}
const boost::asio::any_io_executor& stream_end::get_executor() const noexcept {
  return core_->runs_on().home().get_executor();
}

}  // namespace nuncio::rpc::detail

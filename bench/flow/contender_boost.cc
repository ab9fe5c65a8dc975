// SPDX-License-Identifier: BSD-3-Clause
// contender_boost.cc: boost::unordered_flat_map, for one thread, the hash handed in.
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdlib>
#include <cstring>

#include "bench/flow/contender.h"
#include "bench/flow/pages.h"

namespace
{

template <unsigned BYTES> struct key_bytes {
	unsigned char bytes[BYTES];
};

// A key to look for, with the hash that came with it.
template <unsigned BYTES> struct wanted {
	const key_bytes<BYTES> *key;
	uint64_t hash;
};

template <unsigned BYTES> struct hasher {
	using is_transparent = void;
	using is_avalanching = void; // a good hash already: not to be mixed once more
	size_t operator()(const key_bytes<BYTES> &k) const
	{
		return keys_hash(k.bytes, BYTES);
	}
	size_t operator()(const wanted<BYTES> &w) const
	{
		return w.hash;
	}
};

template <unsigned BYTES> struct equal {
	using is_transparent = void;
	bool operator()(const key_bytes<BYTES> &a, const key_bytes<BYTES> &b) const
	{
		return std::memcmp(a.bytes, b.bytes, BYTES) == 0;
	}
	bool operator()(const wanted<BYTES> &a, const key_bytes<BYTES> &b) const
	{
		return (*this)(*a.key, b);
	}
	bool operator()(const key_bytes<BYTES> &a, const wanted<BYTES> &b) const
	{
		return (*this)(a, *b.key);
	}
};

// Of all tables; there is one of this kind at a time where it matters.
uint64_t allocated_bytes;

template <class T> struct page_allocator {
	using value_type = T;
	page_allocator() = default;
	template <class U> page_allocator(const page_allocator<U> &)
	{
	}
	T *allocate(size_t n)
	{
		allocated_bytes += n * sizeof(T);
		return static_cast<T *>(pages_map(n * sizeof(T)));
	}
	void deallocate(T *memory, size_t n)
	{
		allocated_bytes -= n * sizeof(T);
		pages_unmap(memory);
	}
	bool operator==(const page_allocator &) const
	{
		return true;
	}
	bool operator!=(const page_allocator &) const
	{
		return false;
	}
};

struct table {
	uint32_t flows;
	state *states;
	virtual ~table()
	{
		pages_unmap(states);
	}
	virtual uint32_t insert(const keys *k) = 0;
	virtual uint32_t remove(const keys *k) = 0;
	virtual uint32_t lookup(const keys *k) = 0;
	virtual uint32_t update(const keys *k, uint32_t now_ms) = 0;
	virtual void find(const keys *k, uint32_t *numbers) = 0;
	virtual uint32_t sweep(uint32_t now_ms) = 0;
};

template <unsigned BYTES> struct table_of : table {
	using key = key_bytes<BYTES>;
	boost::unordered_flat_map<key, uint32_t, hasher<BYTES>, equal<BYTES>,
				  page_allocator<std::pair<const key, uint32_t>>>
		map;

	static wanted<BYTES> wanted_at(const keys *k, uint32_t i)
	{
		return { reinterpret_cast<const key *>(k->compact + uint64_t(i) * BYTES),
			 k->hashes[i] };
	}

	uint32_t insert(const keys *k) override
	{
		uint32_t taken = 0;

		for (uint32_t i = 0; i < k->n; i++) {
			const uint32_t number = k->numbers[i];

			taken += map.try_emplace(*wanted_at(k, i).key, number).second;
			states[state_slot(number, flows)] = state{};
		}
		return taken;
	}

	uint32_t remove(const keys *k) override
	{
		uint32_t removed = 0;

		for (uint32_t i = 0; i < k->n; i++)
			removed += uint32_t(map.erase(wanted_at(k, i)));
		return removed;
	}

	uint32_t lookup(const keys *k) override
	{
		uint32_t hits = 0;

		for (uint32_t i = 0; i < k->n; i++)
			hits += map.find(wanted_at(k, i)) != map.end();
		return hits;
	}

	uint32_t update(const keys *k, uint32_t now_ms) override
	{
		uint32_t hits = 0;

		for (uint32_t at = 0; at < k->n; at += BURST) {
			state *found[BURST];
			uint32_t n = 0;

			for (uint32_t i = 0; i < BURST; i++) {
				const auto it = map.find(wanted_at(k, at + i));

				if (it == map.end())
					continue;
				found[n] = &states[state_slot(it->second, flows)];
				__builtin_prefetch(found[n], 1);
				n++;
			}
			for (uint32_t i = 0; i < n; i++)
				state_update(found[i], now_ms);
			hits += n;
		}
		return hits;
	}

	void find(const keys *k, uint32_t *numbers) override
	{
		for (uint32_t i = 0; i < k->n; i++) {
			const auto it = map.find(wanted_at(k, i));

			numbers[i] = it != map.end() ? it->second : NUMBER_NONE;
		}
	}

	uint32_t sweep(uint32_t now_ms) override
	{
		uint32_t looked = 0, due = 0;

		for (const auto &flow : map) {
			const state &s = states[state_slot(flow.second, flows)];

			due += now_ms - s.last_seen_ms >= INT32_MAX;
			looked++;
		}
		return due == 0 ? looked : 0;
	}
};

template <unsigned BYTES>
table *
make(uint32_t flows)
{
	auto *t = new table_of<BYTES>;

	t->flows = flows;
	t->states = static_cast<state *>(pages_map(flows * sizeof(state)));
	t->map.reserve(flows);
	return t;
}

table *
of(void *t)
{
	return static_cast<table *>(t);
}

} // namespace

extern "C" const contender contender_boost = {
	"boost flat_map",
	false,
	false,
	false,
	KEY_COMPACT | KEY_HASH,
	[](uint32_t flows, uint8_t family) -> void * {
		return family == 4 ? make<COMPACT_BYTES_IPV4>(flows)
				   : make<COMPACT_BYTES_IPV6>(flows);
	},
	[](void *t) { delete of(t); },
	[](const void *t) -> uint64_t {
		return allocated_bytes + static_cast<const table *>(t)->flows * sizeof(state);
	},
	nullptr,
	[](void *t, const keys *k) { return of(t)->insert(k); },
	[](void *t, const keys *k) { return of(t)->remove(k); },
	[](void *t, const keys *k) { return of(t)->lookup(k); },
	[](void *t, const keys *k, uint32_t now_ms) { return of(t)->update(k, now_ms); },
	[](void *t, const keys *k, uint32_t *numbers) { of(t)->find(k, numbers); },
	[](void *t, uint32_t now_ms) { return of(t)->sweep(now_ms); },
	nullptr,
};

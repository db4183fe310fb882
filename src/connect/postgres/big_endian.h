// Integers and floats in the network's byte order.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace millrace::postgres {

template <class T>
T Swapped(T value) {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

static_assert(std::endian::native == std::endian::little);

template <class T>
T ReadInt(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return Swapped(value);
}

template <class T>
void WriteInt(T value, char* at) {
  value = Swapped(value);
  std::memcpy(at, &value, sizeof value);
}

template <class T>
void AppendInt(T value, std::string& out) {
  value = Swapped(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace millrace::postgres

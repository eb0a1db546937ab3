#pragma once

// NUNCIO_IS_SANITIZED: 1 where the address or the thread sanitizer is compiled in.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NUNCIO_IS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NUNCIO_IS_SANITIZED 1
#endif
#ifndef NUNCIO_IS_SANITIZED
#define NUNCIO_IS_SANITIZED 0
#endif

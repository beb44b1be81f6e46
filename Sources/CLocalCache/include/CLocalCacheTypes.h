// A question to the Swift runtime that has no name in Swift.
#ifndef CLOCALCACHE_TYPES_H
#define CLOCALCACHE_TYPES_H

#include <stddef.h>

// stdlib/public/runtime/MetadataLookup.cpp, Swift 5.1 to 6.3.
__attribute__((swiftcall)) extern const void *swift_getTypeByMangledNameInContext(
    const char *name, size_t length, const void *context, const void *const *arguments);

/// Metadata of the type that a mangled name stands for, or NULL.
///
/// `context` is the descriptor of the type that the name is in, `arguments` are its generic arguments.
static inline const void *localcache_type_of_name(const void *name, size_t length, const void *context, const void *arguments) {
  return swift_getTypeByMangledNameInContext((const char *)name, length, context, (const void *const *)arguments);
}

#endif

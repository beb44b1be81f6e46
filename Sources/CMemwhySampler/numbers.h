// Arithmetic of sampling, without a mathematics library.
#ifndef MEMWHY_NUMBERS_H
#define MEMWHY_NUMBERS_H

#include <stdint.h>
#include <string.h>

/// Natural logarithm of a positive, normal number; relative error below 1e-14.
///
/// x = m * 2^e with m in [1/sqrt 2, sqrt 2); ln m = 2 artanh((m - 1) / (m + 1)) by its series.
static inline double memwhy_log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, 8);
  int exponent = (int)((bits >> 52) & 0x7ff) - 1023;
  bits = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000);
  double m;
  memcpy(&m, &bits, 8);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  double t = (m - 1) / (m + 1), square = t * t, sum = 0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return 2 * t * sum + exponent * 0.6931471805599453;
}

/// 1 - exp(-x) for x >= 0; relative error below 1e-13.
static inline double memwhy_one_minus_exp(double x) {
  if (x >= 40) return 1;
  if (x < 0.5) {
    // x - x^2/2! + x^3/3! - ...
    double sum = 0;
    for (int k = 14; k >= 1; k--) sum = (1 - sum) * x / k;
    return sum;
  }
  // exp(-x) = 2^-k * exp(-r), r in [0, ln 2)
  int k = (int)(x * 1.4426950408889634);
  double r = x - k * 0.6931471805599453, sum = 1;
  for (int n = 20; n >= 1; n--) sum = 1 - sum * r / n;
  uint64_t bits = (uint64_t)(1023 - k) << 52;
  double scale;
  memcpy(&scale, &bits, 8);
  return 1 - sum * scale;
}

/// The chance that an allocation of `size` bytes is sampled at `interval`: one minus the chance that none of its size + 1 bytes is a
/// sample point of a Poisson process. The one byte more gives empty blocks a chance.
static inline double memwhy_chance(uint64_t size, uint64_t interval) {
  if (interval <= 1) return 1;
  return memwhy_one_minus_exp(((double)size + 1) / (double)interval);
}

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
static inline uint64_t memwhy_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * UINT64_C(0x2545f4914f6cdd1d);
}

/// A number in (0, 1].
static inline double memwhy_uniform(uint64_t *state) { return ((double)(memwhy_random(state) >> 11) + 1) * 0x1p-53; }

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
static inline uint64_t memwhy_mix(uint64_t value) {
  value ^= value >> 30;
  value *= UINT64_C(0xbf58476d1ce4e5b9);
  value ^= value >> 27;
  value *= UINT64_C(0x94d049bb133111eb);
  return value ^ (value >> 31);
}

/// Takes one number more into the hash of a sequence (Fibonacci hashing, Knuth 6.4, and a shift).
static inline uint64_t memwhy_hash_step(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ (hash >> 29);
}

/// The hash of a whole sequence; never 0, which stands for a free place.
static inline uint64_t memwhy_hash_end(uint64_t hash) {
  hash = memwhy_mix(hash);
  return hash ? hash : 1;
}

#endif

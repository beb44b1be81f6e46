// Loads the libraries whose paths it is given, and allocates in each. Built with -DLIBRARY it is such a library.
#include <stdlib.h>

#ifdef LIBRARY
void *make(void) {
  char *block = malloc(100);
  // No tail call: this library has to be on the stack.
  if (block) block[0] = 1;
  return block;
}
#else
#include <dlfcn.h>

int main(int count, char **arguments) {
  for (int i = 1; i < count; i++) {
    void *library = dlopen(arguments[i], RTLD_NOW);
    void *(*make)(void) = library ? (void *(*)(void))dlsym(library, "make") : NULL;
    if (!make || !make()) return 1;
  }
  return 0;
}
#endif

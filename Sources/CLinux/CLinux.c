/* This target is headers only; SwiftPM wants one source file. */
#include "CLinux.h"

# A 32-bit program without a C library: prints READY and waits.
.globl _start
_start:
  mov $4, %eax
  mov $1, %ebx
  mov $message, %ecx
  mov $6, %edx
  int $0x80
again:
  mov $29, %eax
  int $0x80
  jmp again
.data
message: .ascii "READY\n"
.section .note.GNU-stack, "", @progbits

# Every register that user code owns, loaded, used and stored; see struct registers in statistics.h.
    .text
    .globl spin_with, call_with

.macro ENTER
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rsi               # 8(%rsp): where the result goes
    push $0                 # 0(%rsp): scratch
    ldmxcsr 768(%rdi)
    .irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    mov 640+8*\i(%rdi), %rax
    mov %rax, -8-8*\i(%rsp)
    vmovdqu 128+32*\i(%rdi), %ymm\i
    .endr
    mov 0(%rdi), %rbx
    mov 8(%rdi), %rbp
    mov 16(%rdi), %rcx
    mov 24(%rdi), %rdx
    mov 32(%rdi), %rsi
    mov 48(%rdi), %r8
    mov 56(%rdi), %r9
    mov 64(%rdi), %r10
    mov 72(%rdi), %r11
    mov 80(%rdi), %r12
    mov 88(%rdi), %r13
    mov 96(%rdi), %r14
    mov 104(%rdi), %r15
    mov 112(%rdi), %rax
    mov 40(%rdi), %rdi
.endm

.macro LEAVE
    mov %rax, (%rsp)
    mov 8(%rsp), %rax
    setc 120(%rax)
    mov %rbx, 0(%rax)
    mov %rbp, 8(%rax)
    mov %rcx, 16(%rax)
    mov %rdx, 24(%rax)
    mov %rsi, 32(%rax)
    mov %rdi, 40(%rax)
    mov %r8, 48(%rax)
    mov %r9, 56(%rax)
    mov %r10, 64(%rax)
    mov %r11, 72(%rax)
    mov %r12, 80(%rax)
    mov %r13, 88(%rax)
    mov %r14, 96(%rax)
    mov %r15, 104(%rax)
    mov (%rsp), %rcx
    mov %rcx, 112(%rax)
    .irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    mov -8-8*\i(%rsp), %rcx
    mov %rcx, 640+8*\i(%rax)
    vmovdqu %ymm\i, 128+32*\i(%rax)
    .endr
    stmxcsr 768(%rax)
    add $16, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    vzeroupper
    ret
.endm

spin_with:
    ENTER
    stc
1:  dec %rax                # leaves the carry flag alone
    jnz 1b
    LEAVE

call_with:
    ENTER
    syscall
    LEAVE

    .section .note.GNU-stack,"",@progbits

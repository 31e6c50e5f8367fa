;; Sums a hash of each row in a stream of COPY text, as PostgreSQL's own functions hash the same values.
;;
;; The hash of a row is that of its last value, with the hash of the value before it as the seed, and so on to the first
;; value, with the seed of the whole. A value is hashed as hashtextextended() does it: hash_bytes_extended() of
;; src/common/hashfn.c, which is Bob Jenkins' lookup3, as machines with the lowest byte first compute it. That function
;; treats the seed 0 as none. Nobody minds here: rows that are hashed otherwise are read back.
;;
;; Memory: 0 the seed, 8 the hash so far of the row, 16 the sum, 24 the number of rows, 32 how many values of the row have
;; ended, 36 how many a row has, 40 the length of the text for NULL, which is at 64-127; from 256 on what
;; represents a character after a backslash; from 512 on the stream.
(module
  (memory (export "memory") 22)
  (data (i32.const 348) "\5C") ;; \\
  (data (i32.const 354) "\08") ;; \b
  (data (i32.const 358) "\0C") ;; \f
  (data (i32.const 366) "\0A") ;; \n
  (data (i32.const 370) "\0D") ;; \r
  (data (i32.const 372) "\09") ;; \t
  (data (i32.const 374) "\0B") ;; \v

  (func $hash (param $at i32) (param $length i32) (param $seed i64) (result i64)
    (local $a i32) (local $b i32) (local $c i32) (local $word i64)
    (local.set $c (i32.add (i32.const 0x9E3779B9) (i32.add (local.get $length) (i32.const 3923095))))
    (local.set $a (i32.add (local.get $c) (i32.wrap_i64 (i64.shr_u (local.get $seed) (i64.const 32)))))
    (local.set $b (i32.add (local.get $c) (i32.wrap_i64 (local.get $seed))))
    (loop $mix
      (local.set $a (i32.xor (i32.sub (local.get $a) (local.get $c)) (i32.rotl (local.get $c) (i32.const 4))))
      (local.set $c (i32.add (local.get $c) (local.get $b)))
      (local.set $b (i32.xor (i32.sub (local.get $b) (local.get $a)) (i32.rotl (local.get $a) (i32.const 6))))
      (local.set $a (i32.add (local.get $a) (local.get $c)))
      (local.set $c (i32.xor (i32.sub (local.get $c) (local.get $b)) (i32.rotl (local.get $b) (i32.const 8))))
      (local.set $b (i32.add (local.get $b) (local.get $a)))
      (local.set $a (i32.xor (i32.sub (local.get $a) (local.get $c)) (i32.rotl (local.get $c) (i32.const 16))))
      (local.set $c (i32.add (local.get $c) (local.get $b)))
      (local.set $b (i32.xor (i32.sub (local.get $b) (local.get $a)) (i32.rotl (local.get $a) (i32.const 19))))
      (local.set $a (i32.add (local.get $a) (local.get $c)))
      (local.set $c (i32.xor (i32.sub (local.get $c) (local.get $b)) (i32.rotl (local.get $b) (i32.const 4))))
      (local.set $b (i32.add (local.get $b) (local.get $a)))
      (if (i32.ge_u (local.get $length) (i32.const 12))
        (then
          (local.set $a (i32.add (local.get $a) (i32.load (local.get $at))))
          (local.set $b (i32.add (local.get $b) (i32.load offset=4 (local.get $at))))
          (local.set $c (i32.add (local.get $c) (i32.load offset=8 (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 12)))
          (local.set $length (i32.sub (local.get $length) (i32.const 12)))
          (br $mix))))
    ;; At most 11 bytes are left. The lowest byte of $c belongs to the length.
    (local.set $word (i64.load (local.get $at)))
    (if (i32.ge_u (local.get $length) (i32.const 8))
      (then
        (local.set $c
          (i32.add
            (local.get $c)
            (i32.shl
              (i32.and
                (i32.load offset=8 (local.get $at))
                (i32.xor
                  (i32.shl (i32.const -1) (i32.shl (i32.sub (local.get $length) (i32.const 8)) (i32.const 3)))
                  (i32.const -1)))
              (i32.const 8)))))
      (else
        (local.set $word
          (i64.and
            (local.get $word)
            (i64.xor
              (i64.shl (i64.const -1) (i64.extend_i32_u (i32.shl (local.get $length) (i32.const 3))))
              (i64.const -1))))))
    (local.set $a (i32.add (local.get $a) (i32.wrap_i64 (local.get $word))))
    (local.set $b (i32.add (local.get $b) (i32.wrap_i64 (i64.shr_u (local.get $word) (i64.const 32)))))
    (local.set $c (i32.sub (i32.xor (local.get $c) (local.get $b)) (i32.rotl (local.get $b) (i32.const 14))))
    (local.set $a (i32.sub (i32.xor (local.get $a) (local.get $c)) (i32.rotl (local.get $c) (i32.const 11))))
    (local.set $b (i32.sub (i32.xor (local.get $b) (local.get $a)) (i32.rotl (local.get $a) (i32.const 25))))
    (local.set $c (i32.sub (i32.xor (local.get $c) (local.get $b)) (i32.rotl (local.get $b) (i32.const 16))))
    (local.set $a (i32.sub (i32.xor (local.get $a) (local.get $c)) (i32.rotl (local.get $c) (i32.const 4))))
    (local.set $b (i32.sub (i32.xor (local.get $b) (local.get $a)) (i32.rotl (local.get $a) (i32.const 14))))
    (local.set $c (i32.sub (i32.xor (local.get $c) (local.get $b)) (i32.rotl (local.get $b) (i32.const 24))))
    (i64.or (i64.shl (i64.extend_i32_u (local.get $b)) (i64.const 32)) (i64.extend_i32_u (local.get $c))))

  ;; The highest bit of each byte that is 0. Only the lowest of them is exact.
  (func $zeros (param $word i64) (result i64)
    (i64.and
      (i64.and
        (i64.sub (local.get $word) (i64.const 0x0101010101010101))
        (i64.xor (local.get $word) (i64.const -1)))
      (i64.const 0x8080808080808080)))

  ;; Where the next tab, line feed or byte of $third is, which is that byte eight times; or $end.
  (func $find (param $at i32) (param $end i32) (param $third i64) (result i32)
    (local $word i64) (local $found i64)
    (block $near
      (loop $next
        (br_if $near (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (local.set $word (i64.load (local.get $at)))
        (local.set $found
          (i64.or
            (i64.or
              (call $zeros (i64.xor (local.get $word) (i64.const 0x0909090909090909)))
              (call $zeros (i64.xor (local.get $word) (i64.const 0x0A0A0A0A0A0A0A0A))))
            (call $zeros (i64.xor (local.get $word) (local.get $third)))))
        (if (i64.ne (local.get $found) (i64.const 0))
          (then
            (return
              (i32.add (local.get $at) (i32.wrap_i64 (i64.shr_u (i64.ctz (local.get $found)) (i64.const 3)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $end))))
      (local.set $word (i64.load8_u (local.get $at)))
      (if
        (i32.or
          (i32.or (i64.eq (local.get $word) (i64.const 9)) (i64.eq (local.get $word) (i64.const 10)))
          (i64.eq (local.get $word) (i64.and (local.get $third) (i64.const 255))))
        (then (return (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    (unreachable))

  ;; Takes the backslashes out of a value, of which $at is the first, in its place. Gives back where it ends then; 0 if
  ;; COPY would not have written it so.
  (func $unescape (param $at i32) (param $end i32) (result i32)
    (local $to i32) (local $character i32) (local $next i32)
    (local.set $to (local.get $at))
    (loop $escapes
      (if (i32.ge_u (i32.add (local.get $at) (i32.const 1)) (local.get $end)) (then (return (i32.const 0))))
      (local.set $character (i32.load8_u offset=256 (i32.load8_u offset=1 (local.get $at))))
      (if (i32.eqz (local.get $character)) (then (return (i32.const 0))))
      (i32.store8 (local.get $to) (local.get $character))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))
      (local.set $next (call $find (local.get $at) (local.get $end) (i64.const 0x5C5C5C5C5C5C5C5C)))
      (memory.copy (local.get $to) (local.get $at) (i32.sub (local.get $next) (local.get $at)))
      (local.set $to (i32.add (local.get $to) (i32.sub (local.get $next) (local.get $at))))
      (local.set $at (local.get $next))
      (br_if $escapes (i32.ne (local.get $at) (local.get $end))))
    (local.get $to))

  ;; Adds the values that end before $end. Gives back where the rest begins; 0 if COPY would not have written it so.
  (func (export "add") (param $end i32) (result i32)
    (local $at i32) (local $stop i32) (local $last i32) (local $hash i64)
    (local.set $at (i32.const 512))
    (local.set $hash (i64.load (i32.const 8)))
    (block $rest
      (loop $values
        (local.set $stop (call $find (local.get $at) (local.get $end) (i64.const 0x5C5C5C5C5C5C5C5C)))
        (local.set $last (local.get $stop))
        (br_if $rest (i32.eq (local.get $stop) (local.get $end)))
        (block $hashed
          (if (i32.eq (i32.load8_u (local.get $stop)) (i32.const 0x5C))
            (then
              (local.set $stop (call $find (local.get $stop) (local.get $end) (i64.const 0x0909090909090909)))
              (br_if $rest (i32.eq (local.get $stop) (local.get $end)))
              (if
                (i32.and
                  (i32.eq (i32.sub (local.get $stop) (local.get $at)) (i32.const 2))
                  ;; \N
                  (i32.eq (i32.load16_u (local.get $at)) (i32.const 0x4E5C)))
                (then
                  (local.set $hash (call $hash (i32.const 64) (i32.load (i32.const 40)) (local.get $hash)))
                  (br $hashed)))
              (local.set $last (call $unescape (local.get $last) (local.get $stop)))
              (if (i32.eqz (local.get $last)) (then (return (i32.const 0))))))
          (local.set $hash
            (call $hash (local.get $at) (i32.sub (local.get $last) (local.get $at)) (local.get $hash))))
        (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.const 1)))
        (if (i32.eq (i32.load8_u (local.get $stop)) (i32.const 10))
          (then
            (if (i32.ne (i32.load (i32.const 32)) (i32.load (i32.const 36))) (then (return (i32.const 0))))
            (i64.store (i32.const 16) (i64.add (i64.load (i32.const 16)) (local.get $hash)))
            (i64.store (i32.const 24) (i64.add (i64.load (i32.const 24)) (i64.const 1)))
            (local.set $hash (i64.load (i32.const 0)))
            (i32.store (i32.const 32) (i32.const 0))))
        (local.set $at (i32.add (local.get $stop) (i32.const 1)))
        (br $values)))
    (i64.store (i32.const 8) (local.get $hash))
    (local.get $at)))

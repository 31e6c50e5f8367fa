;; Hashes rows of COPY text and their keys with SipHash-2-4 of 128 bits: https://www.aumasson.jp/siphash/siphash.pdf
;; Nobody who does not know its key can make two texts with one hash.
;;
;; Memory: 0-15 the key; 16 where the first row begins that was not hashed; 24 a word; 32-47 zeros; from 64 on the
;; places of the values that are the key of a row, ascending, of four bytes each; from 8192 on a record of 32 bytes for each
;; row: where it begins, where it ends, the hash of its key and the lower half of its own. From 270336 on there is
;; room to put the values of a key together, and from 1318912 on for the rows.
(module
  (memory (export "memory") 41)
  (global $v0 (mut i64) (i64.const 0))
  (global $v1 (mut i64) (i64.const 0))
  (global $v2 (mut i64) (i64.const 0))
  (global $v3 (mut i64) (i64.const 0))

  ;; Begins a text.
  (func $begin (export "begin")
    (global.set $v0 (i64.xor (i64.load (i32.const 0)) (i64.const 0x736F6D6570736575)))
    (global.set $v1 (i64.xor (i64.load (i32.const 8)) (i64.const 0x646F72616E646F83)))
    (global.set $v2 (i64.xor (i64.load (i32.const 0)) (i64.const 0x6C7967656E657261)))
    (global.set $v3 (i64.xor (i64.load (i32.const 8)) (i64.const 0x7465646279746573))))

  ;; Adds words of eight bytes.
  (func $words (export "words") (param $at i32) (param $count i32)
    (local $v0 i64) (local $v1 i64) (local $v2 i64) (local $v3 i64) (local $rounds i32)
    (local.set $v0 (global.get $v0))
    (local.set $v1 (global.get $v1))
    (local.set $v2 (global.get $v2))
    (local.set $v3 (global.get $v3))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $v3 (i64.xor (local.get $v3) (i64.load (local.get $at))))
        (local.set $rounds (i32.const 2))
        (loop $round
          (local.set $v0 (i64.add (local.get $v0) (local.get $v1)))
          (local.set $v1 (i64.xor (i64.rotl (local.get $v1) (i64.const 13)) (local.get $v0)))
          (local.set $v0 (i64.rotl (local.get $v0) (i64.const 32)))
          (local.set $v2 (i64.add (local.get $v2) (local.get $v3)))
          (local.set $v3 (i64.xor (i64.rotl (local.get $v3) (i64.const 16)) (local.get $v2)))
          (local.set $v0 (i64.add (local.get $v0) (local.get $v3)))
          (local.set $v3 (i64.xor (i64.rotl (local.get $v3) (i64.const 21)) (local.get $v0)))
          (local.set $v2 (i64.add (local.get $v2) (local.get $v1)))
          (local.set $v1 (i64.xor (i64.rotl (local.get $v1) (i64.const 17)) (local.get $v2)))
          (local.set $v2 (i64.rotl (local.get $v2) (i64.const 32)))
          (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
          (br_if $round (local.get $rounds)))
        (local.set $v0 (i64.xor (local.get $v0) (i64.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (global.set $v0 (local.get $v0))
    (global.set $v1 (local.get $v1))
    (global.set $v2 (local.get $v2))
    (global.set $v3 (local.get $v3)))

  (func $half (result i64)
    (i64.xor
      (i64.xor (global.get $v0) (global.get $v1))
      (i64.xor (global.get $v2) (global.get $v3))))

  ;; Ends a text of $length bytes, of which all but the last ones (fewer than eight, at $at) were added. Its hash is
  ;; written to $out. A word of zeros only mixes what there is.
  (func $finish (export "finish") (param $at i32) (param $length i32) (param $out i32)
    (i64.store
      (i32.const 24)
      (i64.or
        (i64.shl (i64.extend_i32_u (local.get $length)) (i64.const 56))
        (i64.and
          (i64.load (local.get $at))
          (i64.sub
            (i64.shl
              (i64.const 1)
              (i64.extend_i32_u (i32.shl (i32.and (local.get $length) (i32.const 7)) (i32.const 3))))
            (i64.const 1)))))
    (call $words (i32.const 24) (i32.const 1))
    (global.set $v2 (i64.xor (global.get $v2) (i64.const 0xEE)))
    (call $words (i32.const 32) (i32.const 2))
    (i64.store (local.get $out) (call $half))
    (global.set $v1 (i64.xor (global.get $v1) (i64.const 0xDD)))
    (call $words (i32.const 32) (i32.const 2))
    (i64.store offset=8 (local.get $out) (call $half)))

  (func $hash (param $at i32) (param $length i32) (param $out i32)
    (call $begin)
    (call $words (local.get $at) (i32.shr_u (local.get $length) (i32.const 3)))
    (call $finish
      (i32.add (local.get $at) (i32.and (local.get $length) (i32.const 0xFFFFFFF8)))
      (local.get $length)
      (local.get $out)))

  ;; The highest bit of each byte that is 0. Only the lowest of them is exact.
  (func $zeros (param $word i64) (result i64)
    (i64.and
      (i64.and
        (i64.sub (local.get $word) (i64.const 0x0101010101010101))
        (i64.xor (local.get $word) (i64.const -1)))
      (i64.const 0x8080808080808080)))

  ;; Where the next tab or line feed is, or $end.
  (func $find (param $at i32) (param $end i32) (result i32)
    (local $word i64) (local $found i64)
    (block $near
      (loop $next
        (br_if $near (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (local.set $word (i64.load (local.get $at)))
        (local.set $found
          (i64.or
            (call $zeros (i64.xor (local.get $word) (i64.const 0x0909090909090909)))
            (call $zeros (i64.xor (local.get $word) (i64.const 0x0A0A0A0A0A0A0A0A)))))
        (if (i64.ne (local.get $found) (i64.const 0))
          (then
            (return
              (i32.add (local.get $at) (i32.wrap_i64 (i64.shr_u (i64.ctz (local.get $found)) (i64.const 3)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $end))))
      (local.set $word (i64.load8_u (local.get $at)))
      (if (i32.or (i64.eq (local.get $word) (i64.const 9)) (i64.eq (local.get $word) (i64.const 10)))
        (then (return (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    (unreachable))

  ;; Hashes the rows that end before $end, at most $most: the first $columns of their $values; with $keys values as their key, or
  ;; all of them. Gives back how many; -1 if one has not so many values.
  (func (export "rows")
    (param $at i32) (param $end i32) (param $columns i32) (param $values i32) (param $keys i32) (param $most i32)
    (result i32)
    (local $count i32) (local $out i32) (local $value i32) (local $start i32) (local $stop i32) (local $rowEnd i32)
    (local $key i32) (local $keyEnd i32)
    (local.set $out (i32.const 8192))
    (block $rest
      (loop $rows
        (br_if $rest (i32.eq (local.get $count) (local.get $most)))
        (local.set $value (i32.const 0))
        (local.set $start (local.get $at))
        (local.set $rowEnd (local.get $at))
        (local.set $key (i32.const 0))
        (local.set $keyEnd (i32.const 270336))
        (loop $valuesOfRow
          (local.set $stop (call $find (local.get $start) (local.get $end)))
          (br_if $rest (i32.eq (local.get $stop) (local.get $end)))
          (if (i32.lt_u (local.get $key) (local.get $keys))
            (then
              (if
                (i32.eq
                  (i32.load offset=64 (i32.shl (local.get $key) (i32.const 2)))
                  (local.get $value))
                (then
                  (memory.copy (local.get $keyEnd) (local.get $start) (i32.sub (local.get $stop) (local.get $start)))
                  (local.set $keyEnd (i32.add (local.get $keyEnd) (i32.sub (local.get $stop) (local.get $start))))
                  (i32.store8 (local.get $keyEnd) (i32.const 9))
                  (local.set $keyEnd (i32.add (local.get $keyEnd) (i32.const 1)))
                  (local.set $key (i32.add (local.get $key) (i32.const 1)))))))
          (local.set $value (i32.add (local.get $value) (i32.const 1)))
          (if (i32.eq (local.get $value) (local.get $columns)) (then (local.set $rowEnd (local.get $stop))))
          (local.set $start (i32.add (local.get $stop) (i32.const 1)))
          (br_if $valuesOfRow (i32.eq (i32.load8_u (local.get $stop)) (i32.const 9))))
        (if (i32.ne (local.get $value) (local.get $values)) (then (return (i32.const -1))))
        (i32.store (local.get $out) (local.get $at))
        (i32.store offset=4 (local.get $out) (local.get $rowEnd))
        (call $hash
          (local.get $at)
          (i32.sub (local.get $rowEnd) (local.get $at))
          (i32.add (local.get $out) (i32.const 8)))
        (i64.store offset=24 (local.get $out) (i64.load offset=8 (local.get $out)))
        (if (local.get $keys)
          (then
            (call $hash
              (i32.const 270336)
              (i32.sub (local.get $keyEnd) (i32.const 270336))
              (i32.add (local.get $out) (i32.const 8)))))
        (local.set $out (i32.add (local.get $out) (i32.const 32)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (local.set $at (local.get $start))
        (br $rows)))
    (i32.store (i32.const 16) (local.get $at))
    (local.get $count)))

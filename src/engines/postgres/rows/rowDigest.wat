;; Sums the XXH64 (seed 0) of the rows in a stream of bytes, in which a line feed ends each row and is not part of it.
;; The algorithm: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
;;
;; Memory: 0-31 the four accumulators, 32 the row's length so far, 40 the sum, 48 the number of rows, 56 how many
;; bytes wait at 64-95 for a whole stripe of 32; from 128 on the piece of the stream to be added.
(module
  (memory (export "memory") 17)
  (global $p1 i64 (i64.const 0x9E3779B185EBCA87))
  (global $p2 i64 (i64.const 0xC2B2AE3D27D4EB4F))
  (global $p3 i64 (i64.const 0x165667B19E3779F9))
  (global $p4 i64 (i64.const 0x85EBCA77C2B2AE63))
  (global $p5 i64 (i64.const 0x27D4EB2F165667C5))

  (func $round (param $accumulator i64) (param $lane i64) (result i64)
    (i64.mul
      (i64.rotl (i64.add (local.get $accumulator) (i64.mul (local.get $lane) (global.get $p2))) (i64.const 31))
      (global.get $p1)))

  (func $merge (param $hash i64) (param $accumulator i64) (result i64)
    (i64.add
      (i64.mul
        (i64.xor (local.get $hash) (call $round (i64.const 0) (local.get $accumulator)))
        (global.get $p1))
      (global.get $p4)))

  ;; Begins a row.
  (func $begin (export "begin")
    (i64.store (i32.const 0) (i64.add (global.get $p1) (global.get $p2)))
    (i64.store (i32.const 8) (global.get $p2))
    (i64.store (i32.const 16) (i64.const 0))
    (i64.store (i32.const 24) (i64.sub (i64.const 0) (global.get $p1)))
    (i64.store (i32.const 32) (i64.const 0))
    (i32.store (i32.const 56) (i32.const 0)))

  (func $stripe (param $at i32)
    (i64.store (i32.const 0) (call $round (i64.load (i32.const 0)) (i64.load (local.get $at))))
    (i64.store (i32.const 8) (call $round (i64.load (i32.const 8)) (i64.load offset=8 (local.get $at))))
    (i64.store (i32.const 16) (call $round (i64.load (i32.const 16)) (i64.load offset=16 (local.get $at))))
    (i64.store (i32.const 24) (call $round (i64.load (i32.const 24)) (i64.load offset=24 (local.get $at)))))

  ;; Adds a part of a row.
  (func $update (param $at i32) (param $length i32)
    (local $waiting i32) (local $wanted i32)
    (local.set $waiting (i32.load (i32.const 56)))
    (i64.store (i32.const 32) (i64.add (i64.load (i32.const 32)) (i64.extend_i32_u (local.get $length))))
    (if (i32.lt_u (i32.add (local.get $waiting) (local.get $length)) (i32.const 32))
      (then
        (memory.copy (i32.add (i32.const 64) (local.get $waiting)) (local.get $at) (local.get $length))
        (i32.store (i32.const 56) (i32.add (local.get $waiting) (local.get $length)))
        (return)))
    (if (local.get $waiting)
      (then
        (local.set $wanted (i32.sub (i32.const 32) (local.get $waiting)))
        (memory.copy (i32.add (i32.const 64) (local.get $waiting)) (local.get $at) (local.get $wanted))
        (call $stripe (i32.const 64))
        (local.set $at (i32.add (local.get $at) (local.get $wanted)))
        (local.set $length (i32.sub (local.get $length) (local.get $wanted)))))
    (block $done
      (loop $stripes
        (br_if $done (i32.lt_u (local.get $length) (i32.const 32)))
        (call $stripe (local.get $at))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (local.set $length (i32.sub (local.get $length) (i32.const 32)))
        (br $stripes)))
    (memory.copy (i32.const 64) (local.get $at) (local.get $length))
    (i32.store (i32.const 56) (local.get $length)))

  ;; The hash of the row.
  (func $finish (result i64)
    (local $hash i64) (local $at i32) (local $end i32)
    (if (i64.ge_u (i64.load (i32.const 32)) (i64.const 32))
      (then
        (local.set $hash
          (i64.add
            (i64.add (i64.rotl (i64.load (i32.const 0)) (i64.const 1)) (i64.rotl (i64.load (i32.const 8)) (i64.const 7)))
            (i64.add (i64.rotl (i64.load (i32.const 16)) (i64.const 12)) (i64.rotl (i64.load (i32.const 24)) (i64.const 18)))))
        (local.set $hash (call $merge (local.get $hash) (i64.load (i32.const 0))))
        (local.set $hash (call $merge (local.get $hash) (i64.load (i32.const 8))))
        (local.set $hash (call $merge (local.get $hash) (i64.load (i32.const 16))))
        (local.set $hash (call $merge (local.get $hash) (i64.load (i32.const 24)))))
      (else (local.set $hash (global.get $p5))))
    (local.set $hash (i64.add (local.get $hash) (i64.load (i32.const 32))))
    (local.set $at (i32.const 64))
    (local.set $end (i32.add (i32.const 64) (i32.load (i32.const 56))))
    (block $eights
      (loop $next
        (br_if $eights (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (local.set $hash (i64.xor (local.get $hash) (call $round (i64.const 0) (i64.load (local.get $at)))))
        (local.set $hash
          (i64.add (i64.mul (i64.rotl (local.get $hash) (i64.const 27)) (global.get $p1)) (global.get $p4)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (if (i32.le_u (i32.add (local.get $at) (i32.const 4)) (local.get $end))
      (then
        (local.set $hash
          (i64.xor (local.get $hash) (i64.mul (i64.load32_u (local.get $at)) (global.get $p1))))
        (local.set $hash
          (i64.add (i64.mul (i64.rotl (local.get $hash) (i64.const 23)) (global.get $p2)) (global.get $p3)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (block $ones
      (loop $next
        (br_if $ones (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $hash
          (i64.xor (local.get $hash) (i64.mul (i64.load8_u (local.get $at)) (global.get $p5))))
        (local.set $hash (i64.mul (i64.rotl (local.get $hash) (i64.const 11)) (global.get $p1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.set $hash (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 33))))
    (local.set $hash (i64.mul (local.get $hash) (global.get $p2)))
    (local.set $hash (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 29))))
    (local.set $hash (i64.mul (local.get $hash) (global.get $p3)))
    (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 32))))

  ;; Where the next line feed is, or $end. Eight bytes at a time: the lowest byte that becomes 0 is exact.
  (func $find (param $at i32) (param $end i32) (result i32)
    (local $word i64)
    (block $near
      (loop $next
        (br_if $near (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (local.set $word (i64.xor (i64.load (local.get $at)) (i64.const 0x0A0A0A0A0A0A0A0A)))
        (local.set $word
          (i64.and
            (i64.and
              (i64.sub (local.get $word) (i64.const 0x0101010101010101))
              (i64.xor (local.get $word) (i64.const -1)))
            (i64.const 0x8080808080808080)))
        (if (i64.ne (local.get $word) (i64.const 0))
          (then
            (return
              (i32.add (local.get $at) (i32.wrap_i64 (i64.shr_u (i64.ctz (local.get $word)) (i64.const 3)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $end))))
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 10)) (then (return (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    (unreachable))

  ;; Adds the bytes from $at to $end. Gives back where the last row in them ends, after its line feed; 0 if none does.
  (func (export "add") (param $at i32) (param $end i32) (result i32)
    (local $feed i32) (local $last i32)
    (loop $rows
      (local.set $feed (call $find (local.get $at) (local.get $end)))
      (call $update (local.get $at) (i32.sub (local.get $feed) (local.get $at)))
      (if (i32.eq (local.get $feed) (local.get $end)) (then (return (local.get $last))))
      (i64.store (i32.const 40) (i64.add (i64.load (i32.const 40)) (call $finish)))
      (i64.store (i32.const 48) (i64.add (i64.load (i32.const 48)) (i64.const 1)))
      (call $begin)
      (local.set $at (i32.add (local.get $feed) (i32.const 1)))
      (local.set $last (local.get $at))
      (br $rows))
    (unreachable)))

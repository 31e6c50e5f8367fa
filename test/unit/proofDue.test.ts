import assert from 'node:assert/strict';
import type { BackupFile } from '../../src/backup/backupFiles.ts';
import type { Proof } from '../../src/backup/proofs.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { dueProof, type ProofInterval } from '../../src/schedule/proofDue.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';

const hour = 60 * 60_000;
const day = 24 * hour;
const now = Date.UTC(2026, 10, 30, 12);

function backup(name: string, age: number, changes: Partial<Manifest> = {}): BackupFile {
  const manifest = manifestOf([plainTable('a')], [], changes);
  return { file: name, size: 1, time: new Date(now - age), manifest, fingerprint: name };
}

type Proofs = Readonly<Record<string, { readonly age: number; readonly proved?: boolean }>>;

function due(
  interval: ProofInterval,
  backups: readonly BackupFile[],
  proofs: Proofs = {},
): string | undefined {
  const proofOf = ({ file }: BackupFile): Proof | undefined => {
    const found = proofs[file];
    return found && { proved: found.proved ?? true, time: new Date(now - found.age), by: '0.1.0' };
  };
  return dueProof(interval, backups, proofOf, now)?.file;
}

describe('when a proof is due', () => {
  const backups = [backup('old', 9 * day), backup('new', hour), backup('middle', 2 * day)];

  it('is the newest backup, as long as none was proved', () => {
    assert.equal(due('monthly', backups), 'new');
    assert.equal(due('never', backups), undefined);
    assert.equal(due('daily', []), undefined);
  });

  it('is when the last proof of any backup is old enough', () => {
    const cases: readonly [ProofInterval, number, string | undefined][] = [
      ['daily', day - 1, undefined],
      ['daily', day, 'new'],
      ['weekly', 7 * day - 1, undefined],
      ['weekly', 7 * day, 'new'],
      ['monthly', 30 * day - 1, undefined],
      ['monthly', 30 * day, 'new'],
    ];
    for (const [interval, age, expected] of cases) {
      assert.equal(due(interval, backups, { old: { age } }), expected, `${interval} ${age}`);
      assert.equal(due(interval, backups, { new: { age }, old: { age: age + day } }), expected);
    }
  });

  it('proves a newer backup at once after a proof that failed, and the same one not again', () => {
    assert.equal(due('weekly', backups, { middle: { age: day, proved: false } }), 'new');
    assert.equal(due('weekly', backups, { new: { age: 1000, proved: false } }), undefined);
    assert.equal(due('weekly', backups, { new: { age: 7 * day, proved: false } }), 'new');
  });

  it('does not wait for a clock that was wrong', () => {
    assert.equal(due('daily', backups, { new: { age: -400 * day } }), 'new');
    assert.equal(due('daily', backups, { new: { age: -hour } }), undefined);
  });

  it('prefers whole backups, and leaves out what cannot be proved', () => {
    const part = backup('part', 1000, { complete: false });
    const others = [
      { ...backup('damaged', 10), problem: 'It is damaged' },
      backup('safety', 20, { purpose: 'safety' }),
      backup('rows', 30, { complete: false, only: 'data' }),
    ];
    assert.equal(due('daily', [...others, part, ...backups]), 'new');
    assert.equal(due('daily', [...others, part]), 'part');
    assert.equal(due('daily', others), undefined);
    const { manifest: _, ...secret } = backup('secret', 5);
    assert.equal(due('daily', [...backups, { ...secret, encryption: 'passphrase' }]), 'secret');
  });
});

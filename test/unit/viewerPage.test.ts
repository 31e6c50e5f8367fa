import assert from 'node:assert/strict';
import { viewerPage } from '../../src/ui/viewer/page.ts';

const parts = {
  title: 'Contents',
  loading: 'Reading…',
  language: 'en',
  script: 'https://webview/viewer.js',
  styles: ['https://webview/viewer.css'],
  cspSource: 'https://webview',
  nonce: 'bm9uY2U=',
};

function policyOf(page: string): string | undefined {
  return /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/
    .exec(page)?.[1]
    ?.replaceAll('&#39;', "'");
}

describe('page of the contents viewer', () => {
  it('loads nothing but its style, and runs nothing but its script', () => {
    const policy = `default-src 'none'; style-src https://webview; script-src 'nonce-bm9uY2U='`;
    const page = viewerPage(parts);
    assert.equal(policyOf(page), policy);
    assert.equal(page.match(/<script/g)?.length, 1);
    assert.match(
      page,
      /<script type="module" nonce="bm9uY2U=" src="https:\/\/webview\/viewer\.js"><\/script>/,
    );
  });

  it('keeps a text from becoming markup', () => {
    const text = `"></title><script>alert('&')</script>`;
    const page = viewerPage({ ...parts, title: text, loading: text, language: text, styles: [text] });
    assert.equal(page.match(/<script/g)?.length, 1);
    assert.ok(!page.includes(`alert('`));
    assert.equal(
      page.match(/&#34;&#62;&#60;\/title&#62;&#60;script&#62;alert\(&#39;&#38;&#39;\)/g)?.length,
      4,
    );
  });
});

/** The parts of the page, with URLs that the webview can load. */
export interface PageParts {
  readonly title: string;
  readonly loading: string;
  readonly language: string;
  readonly script: string;
  readonly styles: readonly string[];
  /** The webview's own source, as its content security policy names it. */
  readonly cspSource: string;
  /** Random and new for each page. */
  readonly nonce: string;
}

/** The HTML of a page. It contains nothing from a backup; that arrives in messages. */
export function viewerPage(parts: PageParts): string {
  const policy = `default-src 'none'; style-src ${parts.cspSource}; script-src 'nonce-${parts.nonce}'`;
  return `<!DOCTYPE html>
<html lang="${escapeHtml(parts.language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(parts.title)}</title>
${parts.styles.map((style) => `<link rel="stylesheet" href="${escapeHtml(style)}">`).join('\n')}
</head>
<body data-vscode-context='{"preventDefaultContextMenuItems":true,"readOnlyText":true}'>
<main id="viewer" aria-busy="true"><p class="loading">${escapeHtml(parts.loading)}</p></main>
<script type="module" nonce="${escapeHtml(parts.nonce)}" src="${escapeHtml(parts.script)}"></script>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The page's style: the reader's light or dark, a single column on paper and on small screens, no outside request. */
export const style = `
:root{color-scheme:light dark;--text:#1b1f24;--soft:#57606a;--line:#d8dee4;--page:#f6f8fa;--card:#fff;--train:#8fb3d9;--validation:#d97706;--test:#0f766e;--all:#8fb3d9;--error:#b42318;--warn:#8a5300;--ok:#1a7f37;--gap:#c9655b}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--soft:#9aa6b2;--line:#30363d;--page:#0d1117;--card:#161b22;--train:#3f6a97;--validation:#f0a742;--test:#3fc1ad;--all:#3f6a97;--error:#ff8f85;--warn:#e3b341;--ok:#56d364;--gap:#d0766d}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 2px;letter-spacing:-.01em}h2{font-size:19px;margin:36px 0 12px}h3{font-size:16px;margin:0 0 8px;overflow-wrap:anywhere}
p{margin:6px 0}.hint,.missing,.sub{color:var(--soft);font-size:13px}
a{color:inherit;text-decoration-color:var(--line);text-underline-offset:3px}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:16px;align-items:start}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;min-width:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin:18px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 14px}.tile b{display:block;font-size:19px;white-space:nowrap;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.type,.badge{display:inline-block;font-size:12px;font-weight:400;color:var(--soft);border:1px solid var(--line);border-radius:10px;padding:0 8px;margin-left:4px;white-space:nowrap}
.badge.error,.verdict.error,.severity.error{color:var(--error)}.badge.warn,.severity.warn{color:var(--warn)}.verdict.ok{color:var(--ok)}
.badge.error,.badge.warn{border-color:currentColor}
.verdict{font-weight:600}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13px;margin:6px 0}th,td{text-align:left;padding:3px 8px 3px 0;border-bottom:1px solid var(--line);vertical-align:top}
thead th{color:var(--soft);font-weight:600}tbody th{font-weight:400}tbody tr:last-child>*{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.n:last-child,th.n:last-child{padding-right:0}
.findings td,.findings th{padding:6px 12px 6px 0}.findings td{overflow-wrap:break-word;min-width:64px}.findings td:nth-child(n+4){min-width:150px}.findings td:nth-child(3){white-space:nowrap}
.figures{font-size:12.5px}.figures th[scope=row]{white-space:nowrap;color:var(--soft)}.figures td.n,.figures th.n{padding:3px 0 3px 10px}
.chart{display:block;width:100%;height:auto;margin:4px 0 8px}.chart text{fill:var(--soft);font-size:11px}.axis{stroke:var(--line)}
.bar.train,.fill.train{fill:var(--train);background:var(--train)}.bar.all,.fill.all{fill:var(--all);background:var(--all)}
.bar.validation,.fill.validation{fill:var(--validation);background:var(--validation)}.bar.test,.fill.test{fill:var(--test);background:var(--test)}
.fill.gap{background:var(--gap)}
.line{fill:none;stroke-width:1.6}.line.validation{stroke:var(--validation)}.line.test{stroke:var(--test);stroke-dasharray:4 2}
.meter{display:block;height:5px;margin:2px 0;background:color-mix(in srgb,var(--line) 45%,transparent);border-radius:2px;overflow:hidden}.meter.wide{display:inline-block;width:160px;height:8px;vertical-align:middle}.fill{display:block;height:100%}
.bars{width:38%;min-width:110px;vertical-align:middle}.top th{overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft)}.legend span::before{content:"";display:inline-block;width:14px;height:8px;margin-right:6px;border-radius:2px;background:var(--c)}
@media print{body{background:#fff;font-size:11px}main{max-width:none;padding:0}.card,.tile{break-inside:avoid}.grid{grid-template-columns:1fr 1fr}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;

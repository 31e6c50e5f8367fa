import { crc32, deflateSync } from 'node:zlib';

/** A value as the sqlite3 driver binds it exactly: text, integers below 2^31, bytes. */
export type SampleValue = string | number | Buffer | null;

export type SampleTable = 'customers' | 'products' | 'orders' | 'order_lines' | 'orders_audit';

/** Name, local part of the e-mail address, city. */
const customers: readonly (readonly [string, string, string])[] = [
  ['Amélie Lefèvre', 'amelie.lefevre', 'Lyon'],
  ['Jürgen Großmann', 'j.grossmann', 'Köln'],
  ["Sinéad O'Brien", 'sinead', 'Galway'],
  ['Łukasz Wójcik', 'lukasz.wojcik', 'Kraków'],
  ['Дарья Смирнова', 'darya.smirnova', 'Казань'],
  ['Ελένη Παπαδοπούλου', 'eleni.p', 'Θεσσαλονίκη'],
  ['王小明', 'wang.xiaoming', '北京'],
  ['佐藤 さくら', 'sakura.sato', '京都'],
  ['ليلى حداد', 'layla.haddad', 'بيروت'],
  ['נועה כהן', 'noa.cohen', 'חיפה'],
  ['प्रिया शर्मा', 'priya.sharma', 'जयपुर'],
  ['Café Olé ☕🥐', 'hola', 'Sevilla'],
  ['Søren Østergård', 'soren.o', 'Århus'],
  ['Núria Puigdomènech', 'nuria.puig', 'Girona'],
  ['Ioana Țîrlea', 'ioana.tirlea', 'Timișoara'],
  ['Çağla Yıldız', 'cagla.yildiz', 'İzmir'],
  ['Тарас Гнатюк', 'taras.hnatiuk', 'Львів'],
  ['Νίκος Αντωνίου', 'nikos.a', 'Αθήνα'],
  ['陳美玲', 'meiling.chen', '台北'],
  ['田中 ケンジ', 'kenji.tanaka', '札幌'],
  ['يوسف المنصوري', 'youssef.m', 'الرباط'],
  ['אבי לוי', 'avi.levi', 'תל אביב'],
  ['अर्जुन पटेल', 'arjun.patel', 'पुणे'],
  ['Maja 🌻 Papierwerkstatt', 'werkstatt', 'Wien'],
  ['김민준', 'minjun.kim', '부산'],
  ['สมชาย ใจดี', 'somchai.j', 'เชียงใหม่'],
  ['Þórunn Sigurðardóttir', 'thorunn', 'Akureyri'],
  ['Đặng Thị Hương', 'huong.dang', 'Huế'],
  // The same letters as in "Zoë Müller", with combining marks: equal to the eye, not in bytes.
  ['Zoe\u0308 Mu\u0308ller', 'zoe.mueller', 'Zürich'],
  ['Žofie Dvořáková', 'zofie.dvorakova', 'Brno'],
  ['João Gonçalves', 'joao.goncalves', 'Évora'],
  ['Анна Петрова', 'anna.petrova', 'София'],
  ['Aoife Ní Bhriain', 'aoife', 'Dún Laoghaire'],
  ['Hannah Whitfield', 'h.whitfield', 'Leeds'],
  ['Marcus Bell', 'marcus.bell', 'Portland'],
  ['Õnne Tamm', 'onne.tamm', 'Tartu'],
  ['Ольга Кравченко', 'olha.kravchenko', 'Київ'],
  ['李娜', 'li.na', '成都'],
  ['فاطمة الزهراء', 'fatima.z', 'تونس'],
  ['The Reading Room 📚', 'orders', 'Edinburgh'],
];

/** SKU, name, price in cents, sold today (1) or no longer (0). */
const products: readonly (readonly [string, string, number, 0 | 1])[] = [
  ['NB-A5-DOT', 'Notebook A5, dotted', 1490, 1],
  ['NB-A5-LIN', 'Notebook A5, lined', 1490, 1],
  ['NB-A4-BLK', 'Sketchbook A4, blank, 120 g/m²', 2150, 1],
  ['NB-PKT-3', 'Pocket notebooks, set of 3', 990, 1],
  ['PL-2026', 'Weekly planner 2026', 2400, 1],
  ['PL-2025', 'Weekly planner 2025', 1200, 0],
  ['PN-FTN-M', 'Fountain pen “Élan”, medium nib', 4900, 1],
  ['PN-FTN-F', 'Fountain pen “Élan”, fine nib', 4900, 1],
  ['PN-GEL-05', 'Gel pen 0.5 mm, black', 285, 1],
  ['PN-BRUSH', 'Brush pen 筆ペン', 640, 1],
  ['PC-HB-12', 'Pencils HB, box of 12', 875, 1],
  ['PC-COL-24', 'Coloured pencils, tin of 24', 3250, 1],
  ['IK-BLU-50', 'Ink “Midnight”, 50 ml', 1180, 1],
  ['IK-GRN-50', 'Ink “Fir”, 50 ml', 1180, 0],
  ['TP-WASHI-5', 'Washi tape 和紙, 5 rolls', 1060, 1],
  ['RL-30', 'Ruler 30 cm (12")', 395, 1],
  ['ER-WHT', 'Eraser, white', 120, 1],
  ['SH-BRASS', 'Pencil sharpener, brass', 700, 1],
  ['EN-C6-25', 'Envelopes C6, kraft, 25 pieces', 560, 1],
  ['CD-BDAY', 'Birthday card, letterpress', 450, 1],
  ['CD-THX', "Thank-you card, printer's proof", 450, 0],
  ['ST-SEAL', 'Sealing wax kit', 2799, 1],
  ['DS-LAMP', 'Desk lamp, enamelled steel', 12900, 1],
  ['DS-TRAY', 'Letter tray, walnut', 6350, 1],
  ['SMP-STICK', 'Sticker sheet (free sample)', 0, 1],
];

const notes: readonly string[] = [
  'Please leave the parcel with the neighbour.',
  'Gift: no invoice in the box, please!',
  'Ring twice.\nSecond floor, door on the left.',
  "It's for a birthday 🎂 on Friday",
  'Code postal corrigé : 69001',
  'ギフト包装をお願いします',
  'Позвоните за час до доставки',
  '50 % of the last order was damaged; see e-mail',
  '',
];

/** How an order came to its status. */
const histories = {
  new: ['new'],
  paid: ['new', 'paid'],
  shipped: ['new', 'paid', 'shipped'],
  delivered: ['new', 'paid', 'shipped', 'delivered'],
  cancelled: ['new', 'cancelled'],
} as const;

type Status = keyof typeof histories;

export const firstOrderId = 1001;
const orderCount = 120;
const firstOrderDay = Date.UTC(2025, 0, 6);
const firstCustomerDay = Date.UTC(2024, 2, 4);
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** mulberry32: numbers from 0 to 1, the same ones for the same seed. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** A PNG of 40 × 40 pixels in two colours: 5 × 5 squares, mirrored, as placeholder pictures of shops are. */
function picture(random: () => number): Buffer {
  const side = 40;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 3], 8); // 1 bit a pixel, colours from a palette
  const colour = [0, 0, 0].map(() => 40 + Math.floor(random() * 160));
  const rows = Array.from({ length: 5 }, () => {
    const [outer, inner, middle] = [random(), random(), random()].map((value) => (value < 0.5 ? 0xff : 0));
    // A square is 8 pixels wide, which is one byte; the leading 0 says that the row is not filtered.
    return Buffer.from([0, outer!, inner!, middle!, inner!, outer!]);
  });
  const pixels = Buffer.concat(rows.flatMap((row) => Array.from({ length: 8 }, () => row)));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('PLTE', Buffer.from([244, 241, 234, ...colour])),
    pngChunk('IDAT', deflateSync(pixels)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function decimal(cents: number): string {
  return (cents / 100).toFixed(2);
}

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function statusOf(order: number, random: () => number): Status {
  const fromTheEnd = orderCount - order;
  if (fromTheEnd <= 4) return 'new';
  if (fromTheEnd <= 10) return 'paid';
  if (fromTheEnd <= 18) return 'shipped';
  return random() < 0.07 ? 'cancelled' : 'delivered';
}

/**
 * The rows of the sample shop, table by table, values in the order of the table's columns.
 * The same rows at every call; parents come before the rows that point at them.
 */
export function sampleRows(): Record<SampleTable, SampleValue[][]> {
  const random = seededRandom(2026);
  const below = (limit: number): number => Math.floor(random() * limit);
  const timestamp = (time: number): string =>
    new Date(time)
      .toISOString()
      .replace('T', ' ')
      .replace('Z', String(below(1000)).padStart(3, '0'));

  const rows: Record<SampleTable, SampleValue[][]> = {
    customers: customers.map(([name, mailbox, city], index) => {
      const since = date(firstCustomerDay + (index * 7 + below(7)) * day);
      return [index + 1, name, `${mailbox}@example.${['com', 'net', 'org'][index % 3]}`, city, since];
    }),
    products: products.map(([sku, name, cents, active], index) => {
      const photo = index % 5 === 3 ? null : picture(random);
      return [index + 1, sku, name, decimal(cents), photo, active];
    }),
    orders: [],
    order_lines: [],
    orders_audit: [],
  };

  for (let order = 0; order < orderCount; order++) {
    const id = firstOrderId + order;
    const orderedAt = firstOrderDay + (order * 3 + below(3)) * day + 7 * hour + below(15 * hour);
    const status = statusOf(order, random);
    const note = random() < 0.3 ? notes[below(notes.length)]! : null;
    rows.orders.push([id, 1 + below(customers.length), timestamp(orderedAt), status, note]);

    const product = below(products.length);
    const discount = random() < 0.15 ? 0.9 : 1;
    for (let line = 0, lines = 1 + below(4); line < lines; line++) {
      // 7 and the number of products have no common divisor: no product stands twice in an order.
      const index = (product + line * 7) % products.length;
      const unitPrice = decimal(Math.round(products[index]![2] * discount));
      rows.order_lines.push([id, line + 1, index + 1, 1 + below(4), unitPrice]);
    }

    const history = histories[status];
    let changedAt = orderedAt;
    for (let step = 1; step < history.length; step++) {
      changedAt += step === 1 ? 2 * minute + below(hour) : 20 * hour + below(2 * day);
      rows.orders_audit.push([id, history[step - 1]!, history[step]!, timestamp(changedAt)]);
    }
  }
  rows.orders_audit.sort((a, b) => (String(a[3]) < String(b[3]) ? -1 : 1));
  return rows;
}

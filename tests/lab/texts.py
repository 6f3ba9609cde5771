"""The same news of a patient in ten scripts, and the encodings that people send each in."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Iterator

TEXTS = {
    "Latin (French)": (
        "La patiente Jeanne Martin, née le 12 mars 1960, est séropositive depuis 2019 ; traitement par Biktarvy, "
        "charge virale indétectable, prochain rendez-vous mardi à 14 heures. La biopsie est défavorable, à rappeler."
    ),
    "Latin (English)": (
        "The patient John Smith, born on 12 March 1960, has been HIV positive since 2019; treatment with Biktarvy, "
        "viral load undetectable, next appointment on Tuesday at 2 pm. The biopsy has shown a tumour, please call back."
    ),
    "Cyrillic": (
        "Пациент Иванов Иван Иванович, родился 12 марта 1960 года, ВИЧ положительный от 2019 года, терапия Биктарви, "
        "вирусная нагрузка не определяется, следующий приём во вторник в 14 часов. Результат биопсии неблагоприятный."
    ),
    "Greek": (
        "Ασθενής Γιάννης Παπαδόπουλος, γεννημένος στις 12 Μαρτίου 1960, είναι οροθετικός από το 2019, θεραπεία με "
        "Μπικτάρβι, ιικό φορτίο μη ανιχνεύσιμο, επόμενο ραντεβού την Τρίτη στις 14 και βιοψία είναι δυσμενής."
    ),
    "Arabic": (
        "المريض محمد أحمد، المولود في ١٢ مارس ١٩٦٠، مصاب بفيروس نقص المناعة منذ عام ٢٠١٩، العلاج بدواء بيكتارفي، الحمل "
        "الفيروسي غير قابل للكشف، الموعد القادم يوم الثلاثاء في الساعة الثانية. نتيجة الخزعة سيئة، يرجى الاتصال به."
    ),
    "Hebrew": (
        "המטופל יוסף כהן, יליד 12 במרץ 1960, נשא של נגיף הכשל החיסוני מאז 2019, טיפול בביקטרבי, העומס הנגיפי אינו ניתן "
        "לגילוי, הפגישה הבאה ביום שלישי בשעה שתיים. תוצאת הביופסיה אינה טובה, נא להתקשר אליו בהקדם האפשרי."
    ),
    "Han": (
        "患者王小明一九六零年三月十二日出生自二零一九年起艾滋病病毒检测呈阳性服用必妥维治疗病毒载量检测不到下次复诊时间"
        "为星期二下午两点活检结果显示恶性肿瘤请尽快与患者本人联系并安排进一步检查和住院治疗谢谢另外请注意保密不要告诉家属"
    ),
    "Kana and Han": (
        "患者の山田太郎さんは千九百六十年三月十二日生まれで、二千十九年からエイズウイルス検査が陽性です。治療を受けており、"
        "ウイルス量は検出限界以下です。次回の診察は火曜日の午後二時です。生検の結果は悪性でしたので、至急ご連絡ください。"
    ),
    "Hangul": (
        "환자 김철수 님은 천구백육십년 삼월 십이일생이며 이천십구년부터 에이즈 바이러스 양성입니다. 빅타비로 치료를 "
        "받고 있으며 바이러스는 검출되지 않습니다. 다음 진료는 화요일 오후 두 시입니다. 조직 검사 결과가 악성입니다."
    ),
    "Devanagari": (
        "रोगी राम कुमार, जन्म १२ मार्च १९६०, वर्ष २०१९ से एचआईवी पॉजिटिव है, बिकतारवी से इलाज चल रहा है, वायरल लोड "
        "पता नहीं चलता, अगली भेंट मंगलवार को दोपहर दो बजे है। बायोप्सी का परिणाम अच्छा नहीं है, उन्हें जल्दी फोन करें।"
    ),
}
CHARSETS = {
    "Latin (French)": "iso-8859-1",
    "Latin (English)": "utf-7",
    "Cyrillic": "koi8-r",
    "Greek": "iso-8859-7",
    "Arabic": "cp1256",
    "Hebrew": "cp1255",
    "Han": "gb18030",
    "Kana and Han": "shift_jis",
    "Hangul": "euc-kr",
    "Devanagari": "utf-32-le",
}
"""The charset of each script beside UTF-8 and UTF-16; UTF-32 where there is none."""


def encoded() -> Iterator[tuple[str, str, bytes]]:
    """Script, encoding, octets: UTF-8, UTF-16 of both orders, the script's own charset, base64 and hexadecimal."""
    for script, text in TEXTS.items():
        for charset in ("utf-8", "utf-16-le", "utf-16-be", CHARSETS[script]):
            yield script, charset, text.encode(charset, "ignore")
        yield script, "base64", base64.b64encode(text.encode())
        yield script, "hexadecimal", text.encode().hex().encode()


def plain_letters(text: str) -> str:
    """A text of Latin letters without its accents, as identifiers and base64 can hold it."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()

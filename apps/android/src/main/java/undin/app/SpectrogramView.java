package undin.app;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.Rect;
import android.util.AttributeSet;
import android.view.View;

/** Draws a {@link Spectrogram}, the newest column at the right. */
public final class SpectrogramView extends View {
    private final Bitmap bitmap =
            Bitmap.createBitmap(Spectrogram.COLUMNS, Spectrogram.ROWS, Bitmap.Config.ARGB_8888);
    private final Paint paint = new Paint(Paint.FILTER_BITMAP_FLAG);
    private final Rect from = new Rect();
    private final Rect to = new Rect();
    private Spectrogram spectrogram;

    public SpectrogramView(Context context, AttributeSet attributes) {
        super(context, attributes);
    }

    void show(Spectrogram spectrogram) {
        this.spectrogram = spectrogram;
        invalidate();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (spectrogram == null) {
            return;
        }
        int next = spectrogram.next();
        bitmap.setPixels(spectrogram.pixels, 0, Spectrogram.COLUMNS, 0, 0, Spectrogram.COLUMNS, Spectrogram.ROWS);
        int seam = getWidth() * (Spectrogram.COLUMNS - next) / Spectrogram.COLUMNS;
        draw(canvas, next, Spectrogram.COLUMNS, 0, seam);
        draw(canvas, 0, next, seam, getWidth());
    }

    private void draw(Canvas canvas, int fromColumn, int toColumn, int left, int right) {
        from.set(fromColumn, 0, toColumn, Spectrogram.ROWS);
        to.set(left, 0, right, getHeight());
        canvas.drawBitmap(bitmap, from, to, paint);
    }
}
